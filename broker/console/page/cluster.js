// The cluster: brokers as houses, partitions in them as chips, the journal beside them, and a slider to go back in time.
import { html, useState, useEffect, useRef, useMemo } from './vendor/htm-preact.js';
import { t } from './i18n.js';
import { state, changed, lives, played, clusterAt, still } from './store.js';
import { number, bytes, clock, memo, Entry } from './parts.js';
import { BrokerTools, Machines, troubles } from './play.js';

const mostChips = 120; // in a house

// role is what a broker is to a partition.
function role(p, id, alive) {
  if (!alive || (p.offline || []).includes(id)) return 'offline';
  if (p.leader === id) return 'leader';
  return p.isr.includes(id) ? 'insync' : 'lagging';
}
const order = { offline: 0, lagging: 1, leader: 2, insync: 3 };

// chipsOf lists the chips of every house: trouble first, then by name.
function chipsOf(topics, brokers, filter, internal) {
  const houses = new Map(brokers.map(b => [b.id, []]));
  const alive = new Map(brokers.map(b => [b.id, lives(b)]));
  for (const [name, x] of topics) {
    if (x.internal && !internal || filter && !name.includes(filter)) continue;
    for (const p of x.partitions) for (const id of p.replicas) houses.get(id)?.push({ topic: name, id: p.id, role: role(p, id, alive.get(id)) });
  }
  for (const [id, list] of houses) {
    list.sort((a, b) => order[a.role] - order[b.role] || (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.id - b.id));
    houses.set(id, { shown: list.slice(0, mostChips), all: list.length });
  }
  return houses;
}
const empty = { shown: [], all: 0 };

function touches(lit, topic, id) { return lit && lit.name === topic && (lit.partition === undefined ? /^topic/.test(lit.kind) : lit.partition === id); }
function touchesBroker(lit, id) {
  if (!lit) return false;
  const about = /^(broker-(up|down)|leader-|isr-|shutdown|replicas-failed|became-follower|truncated|watermark)/.test(lit.kind) && lit.about === id;
  return about || (lit.broker === id && !/^(leader-elected|topic-|broker-(up|down)|reassignment|partition-offline)/.test(lit.kind));
}

// Chip lights up when it comes, unless all of its house come with it. The animation ends with that: one in the style sheet would cost every later
// change of the chip a millisecond. For the same reason what flows is marked by a line that changes with each second's figures.
const Chip = memo(({ topic, id, role, flows, lit, drawn }) => {
  const chip = useRef();
  useEffect(() => {
    if (drawn.current && !still()) chip.current.animate({ boxShadow: ['0 0 0 5px ' + getComputedStyle(chip.current).getPropertyValue('--glow'), '0 0 0 0 transparent'] }, 500);
  }, []);
  const name = topic + '-' + id;
  return html`<li><a ref=${chip} class=${'chip ' + role + flows + (lit ? ' lit' : '')} href=${'#/partition/' + encodeURIComponent(topic) + '/' + id} title=${name + ': ' + t(role)} aria-label=${name + ', ' + t(role)}>${topic}·${id}</a></li>`;
});

const Chips = memo(({ chips, flows, beat, lit }) => {
  const drawn = useRef(false);
  useEffect(() => { drawn.current = true; }, []);
  return html`<ul class="chips" aria-label=${t('partitions')}>${chips.map(c => html`<${Chip} key=${c.topic + '-' + c.id + c.role} ...${c}
    flows=${c.role === 'leader' && flows && flows[c.topic] ? beat : ''} lit=${!!touches(lit, c.topic, c.id)} drawn=${drawn} />`)}</ul>`;
});

const House = memo(({ b, p, chips, isController, rate, flows, lit, past }) => {
  const shown = chips.shown, alive = lives(b);
  const flags = [isController ? t('controller') : '', b.alive ? '' : !past && p?.state === 'running' ? t('unregistered') : t('gone'), b.offlineDir ? t('dirFailed') : '', ...(past ? [] : troubles(p))].filter(Boolean);
  return html`<section class=${'house' + (isController ? ' controller' : '') + (alive ? '' : ' gone') + (touchesBroker(lit, b.id) ? ' lit' : '')} aria-labelledby=${'broker-' + b.id}>
    <h2 id=${'broker-' + b.id}>${t('broker')} ${b.id} ${flags.map(f => html` <span class=${'badge ' + (f === t('controller') ? '' : 'bad')}>${f}</span>`)}</h2>
    <p class="facts"><span class="mono">${b.address}</span>${b.rack ? html`<span>${b.rack}</span>` : null}
      <span>${t('leads')} ${number(b.leaders)}</span><span>${t('holds')} ${number(b.replicas)}</span>
      ${b.told && rate && !past ? html`<span>${t('records', number(Math.round(rate.messages)))}</span><span>${bytes(Math.round(rate.bytesIn))}/s</span>` : null}
      ${alive && !past && !b.told ? html`<span>${t('noFigures')}</span>` : null}</p>
    <${Chips} chips=${shown} flows=${past ? null : flows} beat=${state.beats % 2 ? ' flows odd' : ' flows'} lit=${lit} />
    ${chips.all > shown.length ? html`<p class="dim">${t('more', number(chips.all - shown.length))}</p>` : null}
    ${past ? null : html`<${BrokerTools} b=${b} p=${p} />`}
  </section>`;
});

function Chart() {
  const box = useRef(), plot = useRef();
  const h = state.history;
  useEffect(() => {
    const colour = (name, clear = '') => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim() + clear; // asked at each drawing: the reader may change them
    const ink = colour('--dim'), line = colour('--line');
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
    plot.current = new uPlot({ width: box.current.clientWidth || 300, height: 150, legend: { show: false }, cursor: { show: false }, scales: { x: { range: () => { const end = Date.now() / 1000; return [end - 120, end]; } }, y: { range: (u, lo, hi) => [0, Math.max(hi || 0, 10)] } },
      axes: [{ ...axis, values: (u, at) => at.map(s => new Date(s * 1000).toLocaleTimeString('en-GB')), space: 90 }, { ...axis, size: 60 }], series: [{}, { stroke: colour('--accent'), width: 2, fill: colour('--accent', '33') }] }, [[], []], box.current);
    const resize = new ResizeObserver(() => box.current && plot.current.setSize({ width: box.current.clientWidth, height: 150 }));
    resize.observe(box.current);
    return () => { resize.disconnect(); plot.current.destroy(); };
  }, []);
  useEffect(() => {
    const show = () => { // up to now: what is not told anew is as before
      const now = Date.now() / 1000, last = h[h.length - 1], all = last && now - last[0] > 2 ? [...h, [now, last[1]]] : h;
      if (!document.hidden) plot.current?.setData([all.map(x => x[0]), all.map(x => x[1])]);
    };
    show();
    const timer = setInterval(show, 2000);
    return () => clearInterval(timer);
  }, [h.length && h[h.length - 1][0]]);
  const now = h.length ? Math.round(h[h.length - 1][1]) : 0;
  return html`<section class="card" aria-labelledby="rate"><h2 id="rate">${t('throughput')}</h2>
    <div class="chart" ref=${box} role="img" aria-label=${t('total', number(now))}></div></section>`;
}

function Slider() {
  const first = state.entries.length ? state.entries[0].at : Date.now(), now = Date.now();
  return html`<section class="card" aria-label=${t('time')}><div class="row">
    <label for="time">${t('time')}</label><span class="mono">${state.at === null ? t('live') : clock(state.at)}</span>
    ${state.at === null ? null : html`<button onClick=${() => { state.at = null; changed(); }}>${t('back')}</button>`}</div>
    <input id="time" type="range" min=${first} max=${now} step="1" value=${state.at ?? now} aria-valuetext=${state.at === null ? t('live') : clock(state.at)}
      onInput=${e => { const v = +e.target.value; state.at = v >= +e.target.max ? null : v; changed(); }} /></section>`;
}

const groupsOfKinds = [['all', /./], ['cluster', /^(broker|session|connection|process|registered|controller|cluster|shutdown|replicas|leader|partition|reassign|topic|election|became|replica|truncated|isr|watermark|fetch|directory|config)/],
  ['groups', /^(member|rebalance|group|coordinator)/], ['transactions', /^(producer|transaction|markers)/]];

const mostEntries = 200;

// Journal lists the latest entries, or those that only wants; of stands for what that wants.
export function Journal({ only, of = '' }) {
  const [which, setWhich] = useState('all');
  const list = useMemo(() => {
    const pattern = groupsOfKinds.find(g => g[0] === which)[1], list = [];
    for (let i = state.entries.length - 1; i >= 0 && list.length < mostEntries; i--) {
      const e = state.entries[i];
      if (state.at !== null && e.at > state.at || only && !only(e) || !pattern.test(e.kind) || !only && !state.internal && /^__/.test(e.name || '')) continue;
      list.push(e);
    }
    return list;
  }, [state.told, state.at, state.internal, which, of]);
  return html`<section class="card" aria-labelledby="journal"><h2 id="journal">${t('journal')}</h2>
    ${only ? null : html`<p class="dim">${t('journalHelp')}</p><label>${t('kinds')} <select value=${which} onChange=${e => setWhich(e.target.value)}>
      ${groupsOfKinds.map(g => html`<option value=${g[0]}>${t(g[0])}</option>`)}</select></label>`}
    ${list.length ? html`<ol class="journal" tabindex="0" aria-labelledby="journal">${list.map(e => html`<${Entry} key=${e.broker + ':' + e.id} e=${e} lit=${state.lit === e} />`)}</ol>` : html`<p class="dim">${t('noEntries')}</p>`}
  </section>`;
}

export function Cluster() {
  const [filter, setFilter] = useState(''), internal = state.internal;
  const { cluster, topics } = clusterAt(state.at);
  const houses = useMemo(() => chipsOf(topics, cluster.brokers, filter, internal), [state.layout, cluster, filter, internal, state.at, state.play.brokers.map(b => b.state).join()]);
  const rates = new Map((state.rates.brokers || []).map(b => [b.id, b]));
  return html`<h1>${t('cluster')} <span class="dim mono">${cluster.id}</span></h1>
    <div class="two"><div>
      <div class="row"><label>${t('filter')} <input type="search" value=${filter} onInput=${e => setFilter(e.target.value)} /></label>
        <label><input type="checkbox" checked=${internal} onChange=${e => { state.internal = e.target.checked; changed(); }} /> ${t('internal')}</label>
        <span class="dim">${t(cluster.topicCount === 1 ? 'oneTopic' : 'topics', number(cluster.topicCount || 0))}</span></div>
      <ul class="legend" aria-label=${t('legend')}>${['leader', 'insync', 'lagging', 'offline'].map(r => html`<li><span class=${'chip ' + r}>${t(r)}</span></li>`)}</ul>
      <div class="houses">${cluster.brokers.map(b => html`<${House} key=${b.id} b=${b} p=${played(b.id)} about=${state.about} chips=${houses.get(b.id) || empty} isController=${cluster.controller === b.id && lives(b)} rate=${rates.get(b.id)} flows=${state.rates.topics} lit=${state.lit} past=${state.at !== null} />`)}</div>
      <${Machines} />
      ${cluster.brokers.some(b => b.told) || state.history.some(h => h[1] > 0) ? html`<${Chart} />` : null}
    </div><div><${Slider} /><${Journal} /></div></div>`;
}
