// Small parts that several views use.
import { html, useState, useEffect } from './vendor/htm-preact.js';
import { t, language } from './i18n.js';
import { get, state } from './store.js';

export const number = n => n.toLocaleString(language());
export const clock = ms => new Date(ms).toLocaleTimeString('en-GB') + '.' + String(ms % 1000).padStart(3, '0');
export function span(ms) {
  if (ms < 1000) return ms + ' ms';
  if (ms < 120000) return (ms / 1000).toFixed(1) + ' s';
  return Math.floor(ms / 60000) + ' min';
}
export function bytes(n) {
  for (const u of ['B', 'KiB', 'MiB', 'GiB']) { if (n < 1024 || u === 'GiB') return (u === 'B' ? n : n.toFixed(1)) + ' ' + u; n /= 1024; }
}

// usePoll asks for something again and again while the view is open and visible. What was answered to another question is not shown.
const nothing = { data: null, error: '' };
export function usePoll(path, everyMs = 1000) {
  const [answer, setAnswer] = useState({ path, ...nothing });
  useEffect(() => {
    let over = false, timer;
    const ask = async () => {
      if (!document.hidden) {
        try { const data = await get(path); if (!over) setAnswer({ path, data, error: '' }); }
        catch (e) { if (!over) setAnswer(a => ({ path, data: a.path === path ? a.data : null, error: e.message })); }
      }
      if (!over) timer = setTimeout(ask, everyMs);
    };
    if (path) ask();
    return () => { over = true; clearTimeout(timer); };
  }, [path, everyMs]);
  return answer.path === path ? answer : nothing;
}

export function Waiting({ answer }) {
  if (answer.error) return html`<p class="bad" role="alert">${answer.error}</p>`;
  return answer.data === null ? html`<p class="dim">${t('loading')}</p>` : null;
}

export function Entry({ e, lit, onLight }) {
  const cause = e.cause ? causeOf(e) : null;
  return html`<li><button class=${lit ? 'lit' : ''} onMouseEnter=${() => onLight(e)} onMouseLeave=${() => onLight(null)} onFocus=${() => onLight(e)} onBlur=${() => onLight(null)}
    onClick=${() => { const to = place(e); if (to) location.hash = to; }}><time datetime=${e.time}>${clock(e.at)}</time> ${e.sentence}${cause ? html`<span class="cause">${t('because')} ${cause.sentence}</span>` : null}</button></li>`;
}

// causeOf finds the entry that an entry goes back to, on the same broker; null if it is no longer here.
function causeOf(e) {
  for (let i = state.entries.length - 1, n = 0; i >= 0 && n < 400; i--, n++) { const c = state.entries[i]; if (c.broker === e.broker && c.id === e.cause) return c; }
  return null;
}

// place is the view that shows what an entry is about.
export function place(e) {
  if (e.partition !== undefined) return '#/partition/' + encodeURIComponent(e.name) + '/' + e.partition;
  if (/^(member|rebalance|group)-/.test(e.kind)) return '#/groups';
  if (/^(transaction|producer|markers)/.test(e.kind)) return '#/transactions';
  return '';
}
