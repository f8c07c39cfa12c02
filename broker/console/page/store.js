// What the page knows: the cluster as the stream tells it, and the journal. Views subscribe; nothing here draws.
import { language } from './i18n.js';

export const state = {
  connected: true, cluster: { brokers: [], controller: -1, topicCount: 0 }, topics: new Map(), rates: { brokers: [], topics: {} }, history: [], entries: [],
  about: { version: '', actions: [] }, play: { brokers: [], machines: [], sent: [] }, lit: null, at: null, problem: '', internal: false,
  layout: 0, // raised when a partition has come, gone or changed its replicas, and not when its log has grown
  told: 0, // raised with each entry
  beats: 0, // raised with each second's figures, unless the reader wants no motion
  rebalances: new Map(), // the last ones of each group
};
export const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
const listeners = new Set();
let scheduled = false;
export function changed() { // at most one drawing a frame, however much arrives
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; listeners.forEach(f => f()); });
}
export function subscribe(f) { listeners.add(f); return () => listeners.delete(f); }

const maxEntries = 6000, historySeconds = 130, maxRebalances = 5;
const sameList = (a = [], b = []) => a.length === b.length && a.every((x, i) => x === b[i]);
const sameLayout = (a, b) => a !== undefined && a.partitions.length === b.partitions.length && a.partitions.every((p, i) => {
  const q = b.partitions[i];
  return p.id === q.id && p.leader === q.leader && sameList(p.replicas, q.replicas) && sameList(p.isr, q.isr) && sameList(p.offline, q.offline);
});
function forget() {
  state.entries = [];
  state.rebalances = new Map();
  state.told++;
}

// noteRebalance keeps the last rebalances of a group: each begins, and ends when the group is stable or empty. A list that changes is a new one.
function noteRebalance(e) {
  const list = state.rebalances.get(e.name) || [], last = list[list.length - 1];
  if (e.kind === 'rebalance-started') state.rebalances.set(e.name, [...list, { at: e.at, why: e.sentence, members: e.count }].slice(-maxRebalances));
  else if ((e.kind === 'group-stable' || e.kind === 'group-empty') && last && !last.over)
    state.rebalances.set(e.name, [...list.slice(0, -1), { ...last, over: true, took: e.tookMs ?? e.at - last.at, members: e.count ?? 0 }]);
}
// noteRate keeps the rates of the last two minutes. They are told when they change: until a second before they were what was told last.
export function noteRate(at, sum) {
  const h = state.history, last = h[h.length - 1];
  if (last && at - last[0] > 2) h.push([at - 1, last[1]]);
  h.push([at, sum]);
  while (h.length > 2 && h[1][0] < at - historySeconds) h.shift(); // one before the beginning, for the line to begin at
}
let source;
export function connect() {
  if (source) source.close();
  forget();
  source = new EventSource('/api/stream?lang=' + language());
  source.onopen = () => { state.connected = true; forget(); state.topics = new Map(); state.layout++; changed(); };
  source.onerror = () => { state.connected = false; changed(); };
  source.addEventListener('cluster', e => { state.cluster = JSON.parse(e.data); changed(); });
  source.addEventListener('topics', e => {
    const d = JSON.parse(e.data);
    let same = d.gone.length === 0;
    d.gone.forEach(n => state.topics.delete(n));
    d.changed.forEach(x => { same = same && sameLayout(state.topics.get(x.name), x); state.topics.set(x.name, x); });
    if (!same) state.layout++;
    changed();
  });
  source.addEventListener('rates', e => {
    state.rates = JSON.parse(e.data);
    if (!still()) state.beats++;
    const sum = (state.rates.brokers || []).reduce((n, b) => n + b.messages, 0);
    noteRate(Date.now() / 1000, sum);
    changed();
  });
  source.addEventListener('play', e => { state.play = JSON.parse(e.data); changed(); });
  source.addEventListener('entry', e => {
    const x = JSON.parse(e.data);
    x.at = Date.parse(x.time);
    state.entries.push(x);
    state.told++;
    noteRebalance(x);
    if (state.entries.length > maxEntries) state.entries.splice(0, 500);
    changed();
  });
}

export const token = (() => {
  const hash = location.hash.slice(1);
  if (hash && !hash.startsWith('/')) { // the address that was printed: keep the token out of history and links
    sessionStorage.setItem('momus.token', hash);
    history.replaceState(null, '', location.pathname + '#/');
  }
  return sessionStorage.getItem('momus.token') || '';
})();

export async function getText(path) {
  const r = await fetch(path, { headers: { Accept: 'application/json' } }), text = await r.text();
  if (!r.ok) throw new Error(text.trim() || r.statusText);
  return text;
}
export const get = async path => JSON.parse(await getText(path));
// order asks for something to be done; what is wrong is shown at the top of the page, and thrown.
export async function order(o) {
  state.problem = '';
  changed();
  const r = await fetch('/api/play', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Momus-Token': token }, body: JSON.stringify(o) });
  if (r.ok) return r.json();
  state.problem = (await r.text()).trim() || r.statusText;
  changed();
  throw new Error(state.problem);
}
// play is an order whose answer nobody waits for.
export function play(action, broker, more = {}) { order({ action, broker, ...more }).catch(() => {}); }
export const mayPlay = action => token !== '' && state.about.actions.includes(action);
get('/api/about').then(a => { state.about = a; changed(); }).catch(() => {});

// played is in which state a broker is that one can play with; undefined for others.
export const played = id => state.play.brokers.find(b => b.id === id);
// lives says whether a broker runs, as far as this page knows: one that was killed is registered for a while.
export function lives(b) {
  const p = state.at === null ? played(b.id) : undefined;
  return b.alive && (!p || p.state === 'running' || p.state === 'starting' || p.state === 'stopping');
}

// The cluster at an earlier time, from the journal: what an entry says holds until the next one about the same thing.
export function clusterAt(at) {
  if (at === null) return { cluster: state.cluster, topics: state.topics };
  const brokers = new Map(state.cluster.brokers.map(b => [b.id, { ...b }]));
  const parts = new Map(); // name-partition → what was known last before, or first after
  let controller = state.cluster.controller, controllerKnown = false;
  const seen = new Set(), failed = new Set(); // brokers
  for (const e of state.entries) {
    const before = e.at <= at;
    const key = e.partition === undefined ? '' : e.name + '-' + e.partition;
    const leads = e.kind === 'leader-elected', isr = e.kind === 'isr-shrunk' || e.kind === 'isr-expanded';
    if (leads || isr || e.kind === 'partition-offline') {
      const p = parts.get(key) || {};
      if (before) {
        if (leads) { p.leader = e.about; p.isr = e.to || []; } else if (isr) p.isr = e.to || []; else p.leader = -1;
        p.known = true;
      } else if (!p.known && !p.later) {
        p.later = true;
        if (e.from) p.isr = e.from;
        if (leads) p.leader = e.number || 0;
        if (leads && !e.from) p.unborn = true;
      }
      parts.set(key, p);
    }
    if (e.kind === 'reassignment-started' || e.kind === 'reassignment-done') {
      const p = parts.get(key) || {}, from = e.from || [], to = e.to || [];
      if (before) { p.replicas = e.kind === 'reassignment-done' ? to : [...new Set([...to, ...from])]; p.placed = true; } else if (!p.placed) { p.placed = true; if (from.length) p.replicas = from; }
      parts.set(key, p);
    }
    if (e.kind === 'controller-elected' && before) { controller = e.broker; controllerKnown = true; }
    if (e.kind === 'controller-elected' && !before && !controllerKnown) { controller = e.about; controllerKnown = true; }
    const damaged = e.kind === 'directory-failed' ? brokers.get(e.broker) : undefined;
    if (damaged && !failed.has(e.broker)) { damaged.offlineDir = before; failed.add(e.broker); }
    const up = e.kind === 'broker-up' || e.kind === 'registered', down = e.kind === 'broker-down';
    if (up || down) {
      const id = e.kind === 'registered' ? e.broker : e.about, b = brokers.get(id);
      if (b && before) { b.alive = up; seen.add(id); } else if (b && !seen.has(id)) { b.alive = down; seen.add(id); }
    }
  }
  const topics = new Map();
  for (const [name, x] of state.topics) {
    const partitions = x.partitions.map(p => {
      const k = parts.get(name + '-' + p.id);
      return k && !k.unborn ? { ...p, replicas: k.replicas ?? p.replicas, leader: k.leader ?? p.leader, isr: k.isr ?? p.isr, offline: [] } : k ? null : p;
    }).filter(Boolean);
    if (partitions.length) topics.set(name, { ...x, partitions });
  }
  for (const b of brokers.values()) { b.leaders = b.replicas = 0; }
  for (const x of topics.values()) for (const p of x.partitions) {
    const leader = brokers.get(p.leader);
    if (leader) leader.leaders++;
    for (const id of p.replicas) { const b = brokers.get(id); if (b) b.replicas++; }
  }
  return { cluster: { ...state.cluster, controller, topicCount: topics.size, brokers: [...brokers.values()] }, topics };
}
