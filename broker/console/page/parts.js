// Small parts that several views use.
import { html, useState, useEffect, Component } from './vendor/htm-preact.js';
import { t, language } from './i18n.js';
import { getText, state, changed } from './store.js';

// memo is a component that is drawn again only when one of its properties is another value, or the language: what else it shows has to be among
// them, also if draw does not look there for it.
export const memo = draw => class extends Component {
  shouldComponentUpdate(next) { return this.drawn !== language() || Object.keys(next).some(k => next[k] !== this.props[k]); }
  render(props) {
    this.drawn = language();
    return draw(props);
  }
};

export const number = n => n.toLocaleString(language());
export const clock = ms => new Date(ms).toLocaleTimeString('en-GB') + '.' + String(ms % 1000).padStart(3, '0');
// moment is a time with its day, for what may lie long ago.
export const moment = ms => new Date(ms).toLocaleDateString('sv-SE') + ' ' + clock(ms);
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
    let over = false, timer, last = null; // what was answered last: the same again is not drawn again
    const ask = async () => {
      if (!document.hidden) {
        try {
          const text = await getText(path);
          if (!over && text !== last) setAnswer({ path, data: JSON.parse(text), error: '' });
          last = text;
        } catch (e) {
          if (!over) setAnswer(a => ({ path, data: a.path === path ? a.data : null, error: e.message }));
          last = null;
        }
      }
      if (!over) timer = setTimeout(ask, everyMs);
    };
    if (path) ask();
    return () => { over = true; clearTimeout(timer); };
  }, [path, everyMs]);
  return answer.path === path ? answer : nothing;
}

// Theme lets the reader choose between light and dark; the choice is kept, for all pages of this address.
export function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem('momus.theme') || 'auto');
  useEffect(() => {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme'); else document.documentElement.dataset.theme = theme;
    localStorage.setItem('momus.theme', theme);
  }, [theme]);
  return html`<label>${t('theme')} <select value=${theme} onChange=${e => setTheme(e.target.value)}>
    <option value="auto">${t('themeAuto')}</option><option value="light">${t('themeLight')}</option><option value="dark">${t('themeDark')}</option></select></label>`;
}

export function Waiting({ answer }) {
  if (answer.error) return html`<p class="bad" role="alert">${answer.error}</p>`;
  return answer.data === null ? html`<p class="dim">${t('loading')}</p>` : null;
}

const light = e => { state.lit = e; changed(); };

export const Entry = memo(({ e, lit }) => {
  const cause = e.cause ? causeOf(e) : null;
  return html`<li><button class=${lit ? 'lit' : ''} onMouseEnter=${() => light(e)} onMouseLeave=${() => light(null)} onFocus=${() => light(e)} onBlur=${() => light(null)}
    onClick=${() => { const to = place(e); if (to) location.hash = to; }}><time datetime=${e.time}>${clock(e.at)}</time> ${e.sentence}${cause ? html`<span class="cause">${t('because')} ${cause.sentence}</span>` : null}</button></li>`;
});

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
