// Playing: what can be done to a broker, producers and consumers as little machines, one record on its way.
import { html, useState, useMemo } from './vendor/htm-preact.js';
import { t } from './i18n.js';
import { state, order, play, mayPlay } from './store.js';
import { number, bytes, clock, memo } from './parts.js';

// Trouble says in words what is wrong with a broker on purpose.
export function troubles(p) {
  if (!p) return [];
  const list = p.state === 'running' ? [] : [t('state:' + p.state)];
  for (const k of ['paused', 'cutZooKeeper', 'cutPeers', 'slow', 'full']) if (p[k]) list.push(t('is:' + k) + (k === 'slow' ? ' (' + bytes(p.slow) + '/s)' : ''));
  return list;
}

export function BrokerTools({ b, p }) {
  if (!mayPlay('stop') || !p) return null;
  const runs = p.state === 'running' || p.state === 'starting' || p.state === 'stopping';
  const button = (action, text, label, strong) => mayPlay(action) ? html`<button key=${action} class=${strong ? 'main' : ''} aria-label=${label || text + ': ' + t('broker') + ' ' + b.id} onClick=${() => play(action, b.id)}>${text}</button>` : null;
  return html`${p.why ? html`<p class="bad why">${p.why}</p>` : null}
    ${p.sessionIn !== undefined && !runs ? html`<p class="warn">${t('sessionIn', p.sessionIn)}</p>` : null}
    <div class="row">
      ${runs ? button('stop', t('stop'), t('stopBroker', b.id)) : button('start', t('start'), t('startBroker', b.id), true)}
      ${runs ? button('kill', t('kill'), t('killBroker', b.id)) : null}
      ${runs ? p.paused ? button('resume', t('resume'), t('resumeBroker', b.id), true) : button('pause', t('pause'), t('pauseBroker', b.id)) : null}
      ${!runs && p.full ? button('free-disk', t('freeDisk')) : null}</div>
    ${runs ? html`<details class="more"><summary aria-label=${t('breakBroker', b.id)}>${t('breakIt')}</summary><div class="row">
      ${p.cutZooKeeper ? button('mend-zookeeper', t('mendZooKeeper'), '', true) : button('cut-zookeeper', t('cutZooKeeper'))}
      ${p.cutPeers ? button('mend-peers', t('mendPeers'), '', true) : button('cut-peers', t('cutPeers'))}
      ${p.slow ? button('fast', t('fast'), '', true) : button('slow', t('slow'))}
      ${p.full ? button('free-disk', t('freeDisk'), '', true) : button('fill-disk', t('fillDisk'))}
      ${button('end-session', t('endSession'))}</div></details>` : null}`;
}

// Belt shows that something moves, faster when there is more of it. It stands still for those who want that.
function Belt({ perSecond }) {
  if (!(perSecond > 0)) return html`<div class="belt" aria-hidden="true"></div>`;
  const seconds = Math.max(0.4, Math.min(4, 4 / Math.log2(1 + perSecond)));
  return html`<div class="belt" aria-hidden="true"><i style=${{ animationDuration: seconds.toFixed(1) + 's' }}></i></div>`;
}

function Machine({ m }) {
  const link = html`<a href=${'#/partition/' + encodeURIComponent(m.topic) + '/0'}>${m.topic}</a>`;
  return html`<li class=${'machine-card ' + m.kind} aria-label=${m.id}>
    <h3>${m.id}</h3>
    <p class="facts">${m.kind === 'producer' ? html`<span>→ ${link}</span><span>acks ${m.acks}</span>` : html`<span>← ${link}</span><span>${t('group')} <a href="#/groups">${m.group}</a></span>`}
      ${m.transactional ? html`<span>${t('inTransactions')}</span>` : null}${m.committed ? html`<span>read_committed</span>` : null}</p>
    <${Belt} perSecond=${m.perSecond} />
    <p class="facts"><strong>${t('perSecond', number(Math.round(m.perSecond * 10) / 10))}</strong><span>${t('inAll', number(m.total))}</span>
      ${m.latencyMs ? html`<span>${t('latency')} ${number(Math.round(m.latencyMs * 10) / 10)} ms</span>` : null}${m.failed ? html`<span class="bad">${t('failures', number(m.failed))}</span>` : null}</p>
    ${m.assigned ? html`<p class="facts mono">${m.assigned.join(' ')}</p>` : null}
    ${m.problem ? html`<p class="bad why">${m.problem}</p>` : null}
    ${mayPlay('stop-machine') ? html`<div class="row"><button aria-label=${t('stopMachine', m.id)} onClick=${() => play('stop-machine', 0, { machine: m.id })}>${t('stop')}</button>
      <button aria-label=${t('killMachine', m.id)} onClick=${() => play('kill-machine', 0, { machine: m.id })}>${t('kill')}</button></div>` : null}</li>`;
}

const topicNames = () => [...state.topics.values()].filter(x => !x.internal).map(x => x.name).slice(0, 1000);

const Topics = memo(({ id, names }) => html`<datalist id=${id}>${names.map(n => html`<option key=${n} value=${n} />`)}</datalist>`);

function AddMachine() {
  const names = useMemo(topicNames, [state.layout]);
  const [o, set] = useState({ kind: 'producer', topic: '', rate: 10, acks: 'all', keys: 3, size: 100, group: 'readers', transactional: false, committed: false });
  const field = (key, make) => e => set({ ...o, [key]: make ? make(e.target) : e.target.value });
  const amount = x => Math.max(0, +x.value || 0), ticked = x => x.checked, produces = o.kind === 'producer';
  const submit = e => {
    e.preventDefault();
    const common = { action: 'start-machine', kind: o.kind, topic: o.topic || names[0] || '', rate: o.rate };
    order(produces ? { ...common, acks: o.acks, keys: o.keys, size: o.size, transactional: o.transactional } : { ...common, group: o.group, committed: o.committed }).catch(() => {});
  };
  return html`<details class="more"><summary>${t('addMachine')}</summary><form class="fields" onSubmit=${submit} aria-label=${t('addMachine')}>
    <label>${t('kindOf')} <select value=${o.kind} onChange=${e => set({ ...o, kind: e.target.value, rate: e.target.value === 'producer' ? 10 : 0 })}><option value="producer">${t('kind:producer')}</option><option value="consumer">${t('kind:consumer')}</option></select></label>
    <label>${t('topic')} <input list="machine-topics" value=${o.topic} placeholder=${names[0] || ''} onInput=${field('topic')} /></label><${Topics} id="machine-topics" names=${names} />
    ${produces ? null : html`<label>${t('group')} <input value=${o.group} onInput=${field('group')} required /></label>`}
    <label>${t(produces ? 'rate' : 'atMost')} <input type="number" min=${produces ? 0.1 : 0} max="10000" step="any" value=${o.rate} onInput=${field('rate', amount)} /></label>
    ${produces ? html`<label>${t('acks')} <select value=${o.acks} onChange=${field('acks')}><option value="all">all</option><option value="1">1</option><option value="0">0</option></select></label>
      <label>${t('keys')} <input type="number" min="0" max="1000000" value=${o.keys} onInput=${field('keys', amount)} /></label>
      <label>${t('bytesEach')} <input type="number" min="0" max="65536" value=${o.size} onInput=${field('size', amount)} /></label>
      <label class="check"><input type="checkbox" checked=${o.transactional} onChange=${field('transactional', ticked)} /> ${t('inTransactions')}</label>` :
      html`<label class="check"><input type="checkbox" checked=${o.committed} onChange=${field('committed', ticked)} /> ${t('readCommitted')}</label>`}
    <button class="main">${t('startMachine')}</button></form></details>`;
}

function AddTopic() {
  const [o, set] = useState({ topic: '', partitions: 3, replicas: 0 });
  const most = Math.min(3, state.cluster.brokers.filter(b => b.alive).length) || 1;
  const submit = e => { e.preventDefault(); order({ action: 'create-topic', topic: o.topic, partitions: o.partitions, replicas: o.replicas || most }).then(() => set({ ...o, topic: '' })).catch(() => {}); };
  return html`<details class="more"><summary>${t('newTopic')}</summary><form class="fields" onSubmit=${submit} aria-label=${t('newTopic')}>
    <label>${t('name')} <input value=${o.topic} required maxlength="249" onInput=${e => set({ ...o, topic: e.target.value })} /></label>
    <label>${t('partitions')} <input type="number" min="1" max="1000" value=${o.partitions} onInput=${e => set({ ...o, partitions: Math.max(1, +e.target.value || 1) })} /></label>
    <label>${t('replicas')} <input type="number" min="1" max="9" value=${o.replicas || most} onInput=${e => set({ ...o, replicas: Math.max(1, +e.target.value || 1) })} /></label>
    <button class="main">${t('create')}</button></form></details>`;
}

export function Machines() {
  if (!mayPlay('start-machine')) return state.about.actions.includes('start-machine') ? html`<p class="dim">${t('noToken')}</p>` : null;
  const list = state.play.machines;
  return html`<section class="card" aria-labelledby="machines"><h2 id="machines">${t('machines')}</h2>
    ${list.length ? html`<ul class="machines">${list.map(m => html`<${Machine} key=${m.id} m=${m} />`)}</ul>` : html`<p class="dim">${t('noMachines')}</p>`}
    <${AddMachine} /><${AddTopic} /></section>`;
}

function Stage({ s, acks }) {
  const reached = s.ms >= 0, what = s.what === 'acked' && acks === '0' ? 'unasked' : s.what;
  return html`<li class=${reached ? 'reached' : ''}><span>${t('stage:' + what, s.who || s.broker || '')}</span> <span class="mono">${reached ? '+' + s.ms.toFixed(1) + ' ms' : t('waits')}</span></li>`;
}

// Send sends a record and shows its way: each stage with the time when it was reached.
export function Send({ topic, partition }) {
  const [o, set] = useState({ key: '', value: '{"hello":"world"}', acks: 'all', tombstone: false, byKey: false });
  if (!mayPlay('send')) return null;
  const submit = e => {
    e.preventDefault();
    order({ action: 'send', topic, acks: o.acks, ...(o.byKey ? {} : { partition }), ...(o.key === '' ? {} : { key: o.key }), ...(o.tombstone ? {} : { value: o.value }) }).catch(() => {});
  };
  const sent = state.play.sent.filter(x => x.topic === topic);
  return html`<section class="card" aria-labelledby="send"><h2 id="send">${t('send')}</h2><form class="fields" onSubmit=${submit} aria-label=${t('send')}>
    <label>${t('key')} <input value=${o.key} maxlength="1000" onInput=${e => set({ ...o, key: e.target.value })} /></label>
    <label>${t('value')} <input value=${o.value} maxlength="10000" disabled=${o.tombstone} onInput=${e => set({ ...o, value: e.target.value })} /></label>
    <label>${t('acks')} <select value=${o.acks} onChange=${e => set({ ...o, acks: e.target.value })}><option value="all">all</option><option value="1">1</option><option value="0">0</option></select></label>
    <label>${t('partition')} <select value=${o.byKey ? 'key' : ''} onChange=${e => set({ ...o, byKey: e.target.value === 'key' })}><option value="">${partition}</option><option value="key">${t('byKey')}</option></select></label>
    <label class="check"><input type="checkbox" checked=${o.tombstone} onChange=${e => set({ ...o, tombstone: e.target.checked })} /> ${t('noValue')}</label>
    <button class="main">${t('sendIt')}</button></form>
    ${sent.length ? html`<h3>${t('sent')}</h3>` : null}
    ${sent.slice(0, 3).map(x => html`<div key=${x.id} class="trace"><p class="facts"><span class="mono">${clock(x.at)}</span><span>${x.partition >= 0 ? t('sentTo', x.topic + '-' + x.partition) : ''}${x.offset >= 0 ? ' @ ' + number(x.offset) : ''}</span><span>acks ${x.acks}</span></p>
      ${x.error ? html`<p class="bad">${x.error}</p>` : null}<ol class="stages" aria-label=${t('sent')}>${x.stages.map((s, i) => html`<${Stage} key=${i} s=${s} acks=${x.acks} />`)}</ol></div>`)}</section>`;
}

// localTime is a time as a field for times takes it.
const localTime = ms => new Date(ms - 60000 * new Date(ms).getTimezoneOffset()).toISOString().slice(0, 19);

// Reset shows what a reset of a group's offsets would do, and does it.
export function Reset({ g }) {
  const [o, set] = useState({ to: 'earliest', number: 0, topic: '' }), [plan, setPlan] = useState(null);
  if (!mayPlay('reset-offsets')) return null;
  const ask = apply => order({ action: 'reset-offsets', group: g.name, to: o.to, number: o.number, topic: o.topic, apply }).then(setPlan, () => setPlan(null));
  const change = more => { set({ ...o, ...more }); setPlan(null); };
  const topics = [...new Set(g.offsets.map(x => x.topic))];
  const empty = g.state === 'Empty' || g.state === 'Dead';
  return html`<details class="more"><summary aria-label=${t('resetOf', g.name)}>${t('reset')}</summary>
    <form class="fields" aria-label=${t('resetOf', g.name)} onSubmit=${e => { e.preventDefault(); ask(false); }}>
    <label>${t('topic')} <select value=${o.topic} onChange=${e => change({ topic: e.target.value })}><option value="">${t('allTopics')}</option>${topics.map(n => html`<option key=${n} value=${n}>${n}</option>`)}</select></label>
    <label>${t('to')} <select value=${o.to} onChange=${e => change({ to: e.target.value, number: e.target.value === 'time' ? Math.floor(Date.now() / 1000) * 1000 - 600000 : 0 })}>${['earliest', 'latest', 'offset', 'shift', 'time'].map(k => html`<option key=${k} value=${k}>${t('to:' + k)}</option>`)}</select></label>
    ${['offset', 'shift', 'time'].includes(o.to) ? html`<label>${t('to:' + o.to)} ${o.to === 'time' ? html`<input type="datetime-local" step="1" value=${localTime(o.number)} onInput=${e => change({ number: Date.parse(e.target.value) || o.number })} />` : html`<input type="number" value=${o.number} onInput=${e => change({ number: Math.round(+e.target.value || 0) })} />`}</label>` : null}
    <button>${t('preview')}</button></form>
    ${plan ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t('preview')}>${plan.rows.length ? html`<table><thead><tr><th scope="col">${t('partition')}</th><th scope="col" class="n">${t('now')}</th><th scope="col" class="n">${t('then')}</th><th scope="col">${t('effect')}</th></tr></thead>
      <tbody>${plan.rows.map(r => { const d = r.now < 0 ? 0 : r.new - r.now; return html`<tr key=${r.topic + r.partition}><th scope="row">${r.topic}-${r.partition}</th><td class="n">${r.now < 0 ? '–' : number(r.now)}</td><td class="n">${number(r.new)}</td>
        <td>${d < 0 ? html`<span class="warn">${number(-d)} ${t('again')}</span>` : d > 0 ? html`<span class="warn">${number(d)} ${t('skipped')}</span>` : ''}</td></tr>`; })}</tbody></table>` : html`<p>${t('nothingToReset')}</p>`}
      ${plan.applied ? html`<p class="ok" role="status">✓ ${t('applied')}</p>` : plan.rows.length ? html`<div class="row"><button class="main" type="button" disabled=${!empty} onClick=${() => ask(true)}>${t('apply')}</button>${empty ? null : html`<span class="warn">${t('mustBeEmpty', g.state)}</span>`}</div>` : null}</div>` : null}</details>`;
}
