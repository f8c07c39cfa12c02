// The znode tree, live: what has changed since the last look glows.
import { html, useState, useEffect, useRef } from './vendor/htm-preact.js';
import { t, inLang, znodeFields } from './i18n.js';
import { moment, span, usePoll, Waiting } from './parts.js';
import { still } from './store.js';

const mostChildren = 300;
const join = (path, name) => (path === '/' ? '' : path) + '/' + name;

// useGlow lights an element up when a value has become another one, or from the beginning.
function useGlow(value, atFirst) {
  const element = useRef(), before = useRef(atFirst ? null : value);
  useEffect(() => {
    if (before.current !== undefined && value !== undefined && before.current !== value && element.current && !still())
      element.current.animate([{ boxShadow: '0 0 0 .4em ' + getComputedStyle(element.current).getPropertyValue('--glow') }], 2000);
    if (value !== undefined) before.current = value;
  }, [value]);
  return element;
}

// Branch is a node of the tree; its parent tells of its last change.
function Branch({ path, name, change, born, open, toggle, chosen }) {
  const isOpen = open.has(path), button = useGlow(change, born), seen = useRef(null);
  const answer = usePoll(isOpen ? '/api/znode?changes&path=' + encodeURIComponent(path) : '', 1000);
  const n = isOpen && answer.data && !answer.data.missing ? answer.data : null, children = n ? n.children : [], before = seen.current;
  useEffect(() => { seen.current = n ? new Set(children) : null; }, [n]);
  const hidden = n ? Math.max(0, children.length - mostChildren) + n.more : 0;
  return html`<li><button ref=${button} aria-expanded=${isOpen} aria-current=${chosen === path ? 'true' : null} onClick=${() => toggle(path)}>${isOpen ? '▾' : '▸'} <span class="mono">${name}</span></button>
    ${children.length ? html`<ul>${children.slice(0, mostChildren).map((c, i) => html`<${Branch} key=${c} path=${join(path, c)} name=${c} change=${n.changes[i]} born=${before !== null && !before.has(c)} open=${open} toggle=${toggle} chosen=${chosen} />`)}
      ${hidden ? html`<li class="dim">${t('moreNodes', hidden)}</li>` : null}</ul>` : null}</li>`;
}

function fieldsOf(value) {
  try { const v = JSON.parse(value); return v && typeof v === 'object' && !Array.isArray(v) ? Object.keys(v).filter(k => znodeFields[k]) : []; } catch { return []; }
}

function Node({ path }) {
  const answer = usePoll('/api/znode?path=' + encodeURIComponent(path), 500);
  const last = useRef(null), gone = answer.data?.missing; // a node that has gone is shown as it was
  if (answer.data && !gone) last.current = answer.data;
  const n = last.current, value = useGlow(n?.stat.mzxid);
  if (!n) return gone ? html`<section class="card"><h2 class="mono">${path}</h2><p class="warn" role="status">${t('noNode')}</p></section>` : html`<${Waiting} answer=${answer} />`;
  let text = n.value;
  try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it is */ }
  const fields = fieldsOf(n.value), s = n.stat;
  const row = (k, v) => html`<tr key=${k}><th scope="row">${k}</th><td class="mono">${v}</td></tr>`;
  return html`<section class="card" aria-labelledby="znode"><h2 id="znode" class="mono">${path}</h2><${Waiting} answer=${answer} />${gone ? html`<p class="warn" role="status">${t('nodeGone')}</p>` : null}
    ${n.hidden ? html`<p class="warn">${t('secretNode')}</p>` : text ? html`<pre ref=${value}>${text}</pre>` : html`<p class="dim">${t('empty')}</p>`}
    ${fields.length ? html`<h3>${t('fields')}</h3><table><tbody>${fields.map(f => html`<tr key=${f}><th scope="row" class="mono">${f}</th><td>${inLang(znodeFields[f])}</td></tr>`)}</tbody></table>` : null}
    <h3>stat</h3><table><tbody>${row(t('versions'), s.version + ' / ' + s.cversion + ' / ' + s.aversion)}${row('czxid', s.czxid)}${row('mzxid', s.mzxid)}${row('pzxid', s.pzxid)}${row(t('created'), s.ctime ? moment(s.ctime) : '–')}${row(t('changed'), s.mtime ? moment(s.mtime) : '–')}
      ${row(t('owner'), s.owner ? s.owner + (n.ownerBroker === null ? '' : ' · ' + t('broker') + ' ' + n.ownerBroker) : t('none'))}${row(t('children'), s.children)}${row(t('length'), s.length)}</tbody></table>
    <h3>${t('watches')}</h3>${n.watches === null ? html`<p class="dim">${t('watchesUnknown')}</p>` : n.watches.length ? html`<table><tbody>${n.watches.map(w => html`<tr key=${w.session + w.what}><th scope="row" class="mono">${w.session}</th><td>${w.broker === null ? '' : t('broker') + ' ' + w.broker}</td><td>${t('watch:' + w.what)}</td></tr>`)}</tbody></table>` : html`<p class="dim">${t('nobodyWatches')}</p>`}
    <p class="dim">${t('ownSession')}: <span class="mono">${n.session}</span></p></section>`;
}

function Sessions() {
  const answer = usePoll('/api/sessions', 1000), list = answer.data || [];
  if (!list.length) return null;
  return html`<section class="card" aria-labelledby="sessions"><h2 id="sessions">${t('sessions')}</h2><div class="scroll" tabindex="0" role="group" aria-label=${t('sessions')}><table><thead><tr><th scope="col">${t('broker')}</th><th scope="col">${t('session')}</th><th scope="col">${t('state')}</th><th scope="col" class="n">${t('timeout')}</th></tr></thead>
    <tbody>${list.map(s => html`<tr key=${s.broker}><th scope="row">${s.broker}</th><td class="mono">${s.id}</td><td class=${s.state === 'CONNECTED' ? 'ok' : 'warn'}>${s.state}</td><td class="n">${span(s.timeoutMs)}</td></tr>`)}</tbody></table></div></section>`;
}

export function ZooKeeper() {
  const [open, setOpen] = useState(new Set(['/', '/brokers'])), [chosen, setChosen] = useState('/controller');
  const toggle = path => { setChosen(path); setOpen(o => { const n = new Set(o); if (n.has(path) && path !== '/') n.delete(path); else n.add(path); return n; }); };
  return html`<h1>ZooKeeper</h1><div class="two wide"><section class="card" aria-labelledby="tree"><h2 id="tree">${t('tree')}</h2>
    <ul class="tree"><${Branch} path="/" name="/" open=${open} toggle=${toggle} chosen=${chosen} /></ul></section><div><${Sessions} /><${Node} key=${chosen} path=${chosen} /></div></div>`;
}
