// Groups and transactions, as their coordinators have them.
import { html, useMemo, useRef } from './vendor/htm-preact.js';
import { t } from './i18n.js';
import { number, span, clock, usePoll, memo, Waiting } from './parts.js';
import { state } from './store.js';
import { Journal } from './cluster.js';
import { Reset } from './play.js';

const states = ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable'];

function Rebalances({ name, list }) {
  if (!list) return null;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t('rebalances') + ' ' + name}><table><caption>${t('rebalances')}</caption><thead><tr><th scope="col">${t('when')}</th><th scope="col">${t('why')}</th><th scope="col" class="n">${t('took')}</th><th scope="col" class="n">${t('members')}</th></tr></thead>
    <tbody>${[...list].reverse().map(r => html`<tr key=${r.at}><td class="mono">${clock(r.at)}</td><td>${r.why}</td><td class="n">${r.over ? span(Math.round(r.took)) : t('running')}</td><td class="n">${r.members ?? ''}</td></tr>`)}</tbody></table></div>`;
}

// memberName tells a member from the others: several may have the same client id.
const memberName = (m, all) => !m ? '' : m.instance || (all.filter(x => x.client === m.client).length > 1 ? m.id : m.client);

const Group = memo(({ g, most, rebalances }) => {
  const lag = g.offsets.reduce((n, o) => n + (o.end >= 0 && o.committed >= 0 ? Math.max(0, o.end - o.committed) : 0), 0);
  const owner = new Map();
  g.members.forEach(m => m.partitions.forEach(p => p.partitions.forEach(n => owner.set(p.topic + '-' + n, m))));
  const rows = new Map(g.offsets.map(o => [o.topic + '-' + o.partition, o]));
  owner.forEach((m, k) => { if (!rows.has(k)) { const i = k.lastIndexOf('-'); rows.set(k, { topic: k.slice(0, i), partition: +k.slice(i + 1), committed: -1, end: -1 }); } });
  const id = 'group-' + encodeURIComponent(g.name); // ids have no blanks
  return html`<section class="card" aria-labelledby=${id}>
    <h2 id=${id}>${g.name}</h2>
    <p class="facts"><span>${t('coordinator')} ${g.coordinator}</span><span>${g.protocol}</span><span>${t('members')} ${g.members.length}</span><span>${t('lag')} <strong>${number(lag)}</strong></span></p>
    <ol class="machine" aria-label=${t('machine')}>${states.map(s => html`<li key=${s} aria-current=${s === g.state ? 'step' : null}>${s}</li>`)}</ol>
    ${g.members.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t('members') + ' ' + g.name}><table><caption>${t('members')}</caption><thead><tr><th scope="col">${t('member')}</th><th scope="col">${t('client')}</th><th scope="col">${t('host')}</th><th scope="col">${t('partitions')}</th></tr></thead>
      <tbody>${g.members.map(m => html`<tr key=${m.id}><th scope="row" class="mono">${m.id}${m.instance ? html` <span class="badge">${t('static_')} ${m.instance}</span>` : null}</th><td>${m.client}</td><td class="mono">${m.host}</td>
        <td>${m.partitions.map(p => html`<span key=${p.topic}>${p.topic}: ${p.partitions.join(', ')} </span>`)}</td></tr>`)}</tbody></table></div>` : null}
    ${rows.size ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t('lag') + ' ' + g.name}><table><caption>${t('lag')}</caption><thead><tr><th scope="col">${t('partition')}</th><th scope="col" class="n">${t('offset')}</th><th scope="col" class="n">${t('end')}</th><th scope="col" class="n">${t('lag')}</th><th scope="col">${t('member')}</th></tr></thead>
      <tbody>${[...rows.entries()].slice(0, 300).map(([k, o]) => { const behind = o.end >= 0 && o.committed >= 0 ? Math.max(0, o.end - o.committed) : null;
        return html`<tr key=${k}><th scope="row"><a href=${'#/partition/' + encodeURIComponent(o.topic) + '/' + o.partition}>${k}</a></th><td class="n">${o.committed < 0 ? '–' : number(o.committed)}</td><td class="n">${o.end < 0 ? '–' : number(o.end)}</td>
          <td class="n">${behind === null ? '–' : number(behind)}<div class="bar" aria-hidden="true"><i class=${behind ? 'late' : ''} style=${{ width: 100 * (behind || 0) / Math.max(1, most) + '%' }}></i></div></td><td class="mono">${memberName(owner.get(k), g.members)}</td></tr>`; })}</tbody></table></div>` : null}
    <${Rebalances} name=${g.name} list=${rebalances} />
    <${Reset} g=${g} />
  </section>`;
});

// useKept are things with names as they were before, as long as they are equal.
function useKept(list) {
  const kept = useRef(new Map());
  return useMemo(() => {
    const before = kept.current;
    kept.current = new Map(list.map(x => {
      const text = JSON.stringify(x), old = before.get(x.name);
      return [x.name, old && old.text === text ? old : { text, x }];
    }));
    return [...kept.current.values()].map(k => k.x);
  }, [list]);
}

const none = [];

export function Groups() {
  const answer = usePoll('/api/groups', 1000);
  const groups = useKept(answer.data || none);
  const most = useMemo(() => groups.reduce((n, g) => g.offsets.reduce((n, o) => Math.max(n, o.end - o.committed), n), 1), [groups]);
  return html`<h1>${t('groups')}</h1><${Waiting} answer=${answer} />
    <div class="two"><div>${answer.data && !groups.length ? html`<p>${t('noGroups')}</p>` : groups.map(g => html`<${Group} key=${g.name} g=${g} most=${most} rebalances=${state.rebalances.get(g.name)} about=${state.about} />`)}</div>
    <div><${Journal} only=${e => /^(member|rebalance|group)-/.test(e.kind)} /></div></div>`;
}

export function Transactions() {
  const answer = usePoll('/api/transactions', 1000);
  const rows = answer.data || [];
  return html`<h1>${t('transactions')}</h1><${Waiting} answer=${answer} />
    <div class="two"><div class="card">${answer.data && !rows.length ? html`<p>${t(state.about.records === false ? 'transactionsUnseen' : 'noTransactions')}</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('transactions')}><table class="stack"><thead><tr><th scope="col">${t('id')}</th><th scope="col">${t('state')}</th><th scope="col" class="n">${t('open')}</th><th scope="col" class="n">${t('timeout')}</th>
      <th scope="col" class="n">${t('producer')}</th><th scope="col" class="n">${t('epoch')}</th><th scope="col" class="n">${t('coordinator')}</th><th scope="col">${t('partitions')}</th></tr></thead>
      <tbody>${rows.map(r => html`<tr key=${r.id}><th scope="row" class="mono">${r.id}</th><td class="word" data-name=${t('state')}>${r.state}</td><td class=${'n ' + (r.openMs > r.timeoutMs / 2 ? 'warn' : '')} data-name=${t('open')}>${r.openMs ? span(r.openMs) : '–'}</td><td class="n" data-name=${t('timeout')}>${span(r.timeoutMs)}</td>
        <td class="n" data-name=${t('producer')}>${r.producerId}</td><td class="n" data-name=${t('epoch')}>${r.epoch}</td><td class="n" data-name=${t('coordinator')}>${r.coordinator}</td><td data-name=${t('partitions')}>${r.partitions.join(', ') || null}</td></tr>`)}</tbody></table></div>`}</div>
    <div><${Journal} only=${e => /^(transaction|producer|markers)/.test(e.kind)} /></div></div>`;
}
