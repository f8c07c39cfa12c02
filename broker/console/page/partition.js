// A partition: its log as it lies on disk, the offsets of every replica, and what is in it.
import { html, useState } from './vendor/htm-preact.js';
import { t } from './i18n.js';
import { state } from './store.js';
import { number, bytes, clock, usePoll, Waiting } from './parts.js';
import { Journal } from './cluster.js';
import { Send } from './play.js';

const hexOf = bytes => [...bytes].map(x => x.toString(16).padStart(2, '0')).join(' ');
const bytesOf = b => b.hex !== undefined ? Uint8Array.from(b.hex.match(/../g) || [], x => parseInt(x, 16)) : new TextEncoder().encode(b.text || '');

// Bytes shows what is in a key or value: as what it is, or as the reader wants it.
function Bytes({ b, as }) {
  if (!b) return html`<span class="dim">${t('null_')}</span>`;
  const more = b.size > 1024 ? html` <span class="dim">… ${bytes(b.size)}</span>` : null;
  const kind = as === 'auto' ? b.hex !== undefined ? 'hex' : b.json ? 'json' : 'text' : as;
  if (kind === 'hex') return html`<code>${hexOf(bytesOf(b))}</code>${more}`;
  let s = b.text ?? new TextDecoder().decode(bytesOf(b)).replace(/[\u0000-\u0008\u000e-\u001f\u007f]/g, '·');
  if (kind === 'json') { try { s = JSON.stringify(JSON.parse(s), null, 1); } catch { /* shown as it is */ } }
  return html`<pre>${s}</pre>${more}`;
}

function Segments({ r, onFrom }) {
  return html`<ol class="log" tabindex="0" aria-label=${t('segments') + ', ' + t('broker') + ' ' + r.broker}>${r.segments.map(s => html`<li key=${s.base} class=${s.active ? 'active' : ''} style=${{ flexGrow: Math.max(1, Math.sqrt(s.size)) }}>
    <button class="plain mono" aria-label=${t('showFrom', s.base)} onClick=${() => onFrom(s.base)}>${number(s.base)}</button>${s.active ? html` <span class="ok">${t('active')}</span>` : null}<br />${bytes(s.size)}<br /><span class="dim">${t('index')} ${number(s.index / 8)} · ${number(Math.floor(s.timeIndex / 12))}</span></li>`)}</ol>`;
}

// Scale is a replica's log as a line: what there is of it, up to the high watermark in full colour, with marks at its offsets.
function Scale({ r, low, width, late }) {
  const at = n => Math.max(0, Math.min(100, 100 * (n - low) / width)) + '%';
  return html`<div class="scale" aria-hidden="true"><i class=${late ? 'rest late' : 'rest'} style=${{ left: at(r.start), width: 'calc(' + at(r.end) + ' - ' + at(r.start) + ')' }}></i><i class="done" style=${{ left: at(r.start), width: 'calc(' + at(Math.min(r.committed, r.end)) + ' - ' + at(r.start) + ')' }}></i>
    <b class="lso" style=${{ left: at(r.stable) }}></b><b class="hw" style=${{ left: at(r.committed) }}></b></div>`;
}

// leaderOf is who leads: of several that believe to, the one with the largest epoch.
const leaderOf = replicas => replicas.filter(r => r.leading).sort((a, b) => b.epoch - a.epoch)[0];

function Replicas({ replicas }) {
  const leader = leaderOf(replicas), most = Math.max(1, ...replicas.map(r => r.end));
  const low = Math.min(...replicas.map(r => r.start)), width = Math.max(1, most - low);
  const followers = new Map((leader?.followers || []).map(f => [f.broker, f]));
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t('offsets')}><table><caption>${t('offsets')}</caption><thead><tr><th scope="col">${t('broker')}</th><th scope="col">${t('role')}</th><th scope="col" class="n">${t('start_')}</th><th scope="col" class="n">${t('stable')}</th>
    <th scope="col" class="n">${t('committed')}</th><th scope="col" class="n">${t('end')}</th><th scope="col" class="n">${t('behind')}</th><th scope="col" class="n">${t('size')}</th></tr></thead>
    <tbody>${replicas.map(r => {
      const f = followers.get(r.broker), behind = leader ? leader.end - r.end : 0;
      return html`<tr key=${r.broker}><th scope="row">${r.broker}</th><td>${r.offline ? html`<span class="bad">${t('offline')}</span>` : r === leader ? t('leader') : r.leading ? html`<span class="warn">${t('zombie')}</span>` : f && !f.inSync ? html`<span class="warn">${t('lagging')}</span>` : t('insync')}
        <${Scale} r=${r} low=${low} width=${width} late=${behind > 0} /></td>
        <td class="n">${number(r.start)}</td><td class="n">${number(r.stable)}</td><td class="n">${number(r.committed)}</td><td class="n">${number(r.end)}</td><td class="n">${number(Math.max(0, behind))}</td><td class="n">${bytes(r.size)}</td></tr>`;
    })}</tbody></table></div>`;
}

// decoded says whether a record of an internal topic is shown by what it means.
const decoded = (about, as) => about !== undefined && (as === 'auto' || as === 'json');

function Batches({ topic, partition, end, internal, from, setFrom }) {
  const [shown, setShown] = useState(!internal), [as, setAs] = useState('auto');
  const offset = from ?? Math.max(0, end - 20);
  const answer = usePoll(shown ? `/api/records?topic=${encodeURIComponent(topic)}&partition=${partition}&offset=${offset}${internal ? '&internal=yes' : ''}` : '', 2000);
  if (!shown) return html`<section class="card"><h2>${t('batches')}</h2><button onClick=${() => setShown(true)}>${t('showInternal')}</button></section>`;
  const list = answer.data?.batches || [];
  return html`<section class="card" aria-labelledby="batches"><h2 id="batches">${t('batches')}</h2>
    <div class="row"><label>${t('from')} <input type="number" min="0" value=${offset} onChange=${e => setFrom(Math.max(0, +e.target.value || 0))} /></label><button onClick=${() => setFrom(null)}>${t('latest')}</button>
      <label>${t('viewer')} <select value=${as} onChange=${e => setAs(e.target.value)}>${['auto', 'text', 'json', 'hex'].map(k => html`<option key=${k} value=${k}>${t('viewer:' + k)}</option>`)}</select></label></div>
    <${Waiting} answer=${answer} />
    ${list.map(b => html`<details key=${b.base} open=${list.length <= 4}><summary><strong class="mono">${number(b.base)}–${number(b.last)}</strong> <span class="dim">${bytes(b.bytes)} · ${t('codec')} ${b.codec} · ${t('epoch')} ${b.epoch}
        ${b.producerId >= 0 ? ` · ${t('producer')} ${b.producerId}/${b.producerEpoch} · ${t('sequence')} ${b.sequence}` : ''} · v${b.magic}</span>
        ${b.transactional ? html` <span class="badge">${t('transactional')}</span>` : null}${b.control ? html` <span class="badge warn">${t('marker')} ${b.control}</span>` : null}</summary>
      ${b.records.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${number(b.base) + '–' + number(b.last)}><table><thead><tr><th scope="col" class="n">offset</th><th scope="col">time</th><th scope="col">${t('key')}</th><th scope="col">${t('value')}</th><th scope="col">${t('headers')}</th></tr></thead>
        <tbody>${b.records.map(r => html`<tr key=${r.offset}><td class="n">${number(r.offset)}</td><td>${r.time > 0 ? clock(r.time) : ''}</td><td>${decoded(r.about, as) ? html`<pre>${JSON.stringify(r.about, null, 1)}</pre>` : html`<${Bytes} b=${r.key} as=${as} />`}</td><td>${decoded(r.about, as) ? html`<pre>${JSON.stringify(r.says, null, 1)}</pre>` : html`<${Bytes} b=${r.value} as=${as} />`}</td>
          <td>${(r.headers || []).map(h => html`<div><code>${h.key}</code> = <${Bytes} b=${h.value} as=${as} /></div>`)}</td></tr>`)}</tbody></table></div>` : null}${b.cut ? html`<p class="dim">${t('cut')}</p>` : null}</details>`)}
  </section>`;
}

export function Partition({ args }) {
  const [topic, number_] = [args[0] || '', +(args[1] || 0)];
  const answer = usePoll(`/api/partition?topic=${encodeURIComponent(topic)}&partition=${number_}`, 500);
  const replicas = answer.data?.replicas || [];
  const known = state.topics.get(topic), p = known?.partitions.find(x => x.id === number_);
  const leader = leaderOf(replicas), [from, setFrom] = useState(null);
  const missing = !p && state.cluster.brokers.length > 0 && state.topics.size >= state.cluster.topicCount; // all topics have been told
  return html`<h1>${t('partition')} <span class="mono">${topic}-${number_}</span></h1>
    ${known ? html`<p class="row" role="navigation" aria-label=${t('partitions')}>${known.partitions.slice(0, 50).map(x => html`<a key=${x.id} href=${'#/partition/' + encodeURIComponent(topic) + '/' + x.id} aria-current=${x.id === number_ ? 'page' : null}>${topic}·${x.id}</a>`)}
      <a href=${'#/configs/topic/' + encodeURIComponent(topic)}>${t('configs')}</a></p>` : null}
    <${Waiting} answer=${answer} />
    <div class="two"><div>
      ${p ? html`<p class="facts"><span>${t('leader')} <strong>${p.leader < 0 ? t('none') : p.leader}</strong></span><span>${t('epoch')} ${p.epoch}</span><span>${t('holds')} ${p.replicas.join(', ')}</span><span class=${p.isr.length < p.replicas.length ? 'warn' : 'ok'}>${t('insync')} ${p.isr.join(', ')}</span></p>` : null}
      ${missing ? html`<p>${t('noPartition', topic + '-' + number_)}</p>` : answer.data && !replicas.length ? html`<p>${t('noReplica')}</p>` : null}
      ${replicas.length ? html`<section class="card"><${Replicas} replicas=${replicas} /></section>
        <section class="card" aria-labelledby="segments"><h2 id="segments">${t('segments')}</h2>${replicas.map(r => html`<h3 key=${r.broker}>${t('broker')} ${r.broker} <span class="dim mono">${r.dir}</span></h3><${Segments} r=${r} onFrom=${setFrom} />`)}</section>` : null}
      ${state.about.records && replicas.length ? html`<${Batches} topic=${topic} partition=${number_} end=${(leader || replicas[0]).end} internal=${!!known?.internal} from=${from} setFrom=${setFrom} />` : null}
    </div><div>${missing || known?.internal ? null : html`<${Send} topic=${topic} partition=${number_} />`}<${Journal} of=${topic + '/' + number_} only=${e => e.name === topic && (e.partition === number_ || /^topic-/.test(e.kind))} /></div></div>`;
}
