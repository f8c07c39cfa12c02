// Configs, quotas and what is not as it should be.
import { html, useState } from './vendor/htm-preact.js';
import { t } from './i18n.js';
import { state } from './store.js';
import { number, usePoll, Waiting } from './parts.js';

export function Configs({ args }) {
  const first = args[0] === 'topic' ? 'topic:' + args[1] : 'broker:' + (args[1] ?? state.cluster.brokers[0]?.id ?? '');
  const [of, setOf] = useState(first), [word, setWord] = useState(''), [onlySet, setOnlySet] = useState(false);
  const [kind, name] = [of.slice(0, of.indexOf(':')), of.slice(of.indexOf(':') + 1)];
  const answer = usePoll(name === '' ? '' : `/api/configs?${kind}=${encodeURIComponent(name)}`, 3000);
  if (name === '' && state.cluster.brokers.length) setOf('broker:' + state.cluster.brokers[0].id);
  const rows = (answer.data || []).filter(r => r.name.includes(word) && (!onlySet || r.source !== 'default'));
  return html`<h1>${t('configs')}</h1><div class="row"><label>${t('configs')} <select value=${of} onChange=${e => setOf(e.target.value)}>
      ${state.cluster.brokers.map(b => html`<option key=${b.id} value=${'broker:' + b.id}>${t('ofBroker', b.id)}</option>`)}${[...state.topics.keys()].slice(0, 1000).map(n => html`<option key=${n} value=${'topic:' + n}>${t('ofTopic', n)}</option>`)}</select></label>
      <label>${t('search')} <input type="search" value=${word} onInput=${e => setWord(e.target.value)} /></label><label><input type="checkbox" checked=${onlySet} onChange=${e => setOnlySet(e.target.checked)} /> ${t('onlySet')}</label></div>
    <${Waiting} answer=${answer} /><div class="card scroll" tabindex="0" role="region" aria-label=${t('configs')}><table><thead><tr><th scope="col">${t('key')}</th><th scope="col">${t('value')}</th><th scope="col">${t('source')}</th><th scope="col">${t('default_')}</th><th scope="col">${t('change')}</th><th scope="col">${t('meaning')}</th></tr></thead>
      <tbody>${rows.map(r => html`<tr key=${r.name}><th scope="row" class="mono">${r.name}</th><td class="mono">${r.sensitive ? t('hidden') : r.value ?? t('null_')}</td><td>${r.source}</td><td class="mono">${r.default}</td><td>${t('change:' + r.change)}</td><td>${r.doc}</td></tr>`)}</tbody></table></div>`;
}

export function Quotas() {
  const answer = usePoll('/api/quotas', 1000);
  const rows = answer.data || [];
  return html`<h1>${t('quotas')}</h1><${Waiting} answer=${answer} /><div class="card">${answer.data && !rows.length ? html`<p>${t('noQuotas')}</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('quotas')}><table><thead><tr><th scope="col">${t('broker')}</th><th scope="col">${t('resource')}</th><th scope="col">${t('user')}</th><th scope="col">${t('client')}</th><th scope="col" class="n">${t('use')}</th><th scope="col" class="n">${t('throttled')}</th></tr></thead>
    <tbody>${rows.map((r, i) => html`<tr key=${i}><td>${r.broker}</td><td>${r.resource}</td><td>${r.user}</td><td>${r.client}</td><td class="n">${number(Math.round(r.perSecond))}</td><td class="n">${r.throttleMs ? Math.round(r.throttleMs) + ' ms' : '–'}</td></tr>`)}</tbody></table></div>`}</div>`;
}

export function Health() {
  const answer = usePoll('/api/health', 1000);
  const rows = answer.data || [];
  return html`<h1>${t('health')}</h1><${Waiting} answer=${answer} /><div class="card" aria-live="polite">${answer.data && !rows.length ? html`<p class="ok">✓ ${t('healthy')}</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('health')}><table><thead><tr><th scope="col">${t('severity')}</th><th scope="col">${t('subject')}</th><th scope="col">${t('finding')}</th></tr></thead>
    <tbody>${rows.map(r => html`<tr key=${r.subject + r.what}><td><span class=${'badge ' + (r.severity === 'error' ? 'bad' : 'warn')}>${t(r.severity)}</span></td><th scope="row" class="mono">${r.subject}</th><td>${t('f:' + r.what)} <span class="dim">${r.detail || ''}</span></td></tr>`)}</tbody></table></div>`}</div>`;
}
