// Configs, quotas and what is not as it should be.
import { html, useState } from './vendor/htm-preact.js';
import { t, language } from './i18n.js';
import { state } from './store.js';
import { number, bytes, usePoll, Waiting } from './parts.js';

// inQuotes makes a text one word of a shell, whatever is in it.
const inQuotes = text => "'" + text.replaceAll("'", "'\\''") + "'";

// howTo is the command of Kafka's that changes a key.
function howTo(r, kind, name) {
  const value = r.sensitive ? '…' : r.value === null ? '…' : r.value, quoted = /^[\w.:-]+$/.test(value) ? value : inQuotes(value.includes(',') ? '[' + value + ']' : value);
  const server = state.cluster.brokers.find(b => b.alive)?.address || 'localhost:9092';
  return 'kafka-configs.sh --bootstrap-server ' + server + ' --alter --entity-type ' + (kind === 'topic' ? 'topics' : 'brokers') + (r.change === 'cluster' ? ' --entity-default' : ' --entity-name ' + name) + ' --add-config ' + r.name + '=' + quoted;
}

export function Configs({ args }) {
  const first = args[0] === 'topic' ? 'topic:' + args[1] : 'broker:' + (args[1] ?? state.cluster.brokers[0]?.id ?? '');
  const [of, setOf] = useState(first), [word, setWord] = useState(''), [onlySet, setOnlySet] = useState(false);
  const [kind, name] = [of.slice(0, of.indexOf(':')), of.slice(of.indexOf(':') + 1)];
  const answer = usePoll(name === '' ? '' : `/api/configs?${kind}=${encodeURIComponent(name)}&lang=${language()}`, 3000);
  if (name === '' && state.cluster.brokers.length) setOf('broker:' + state.cluster.brokers[0].id);
  const rows = (answer.data || []).filter(r => r.name.includes(word) && (!onlySet || r.source !== 'default'));
  return html`<h1>${t('configs')}</h1><div class="row"><label>${t('configs')} <select value=${of} onChange=${e => setOf(e.target.value)}>
      ${state.cluster.brokers.map(b => html`<option key=${b.id} value=${'broker:' + b.id}>${t('ofBroker', b.id)}</option>`)}${[...state.topics.keys()].slice(0, 1000).map(n => html`<option key=${n} value=${'topic:' + n}>${t('ofTopic', n)}</option>`)}</select></label>
      <label>${t('search')} <input type="search" value=${word} onInput=${e => setWord(e.target.value)} /></label><label><input type="checkbox" checked=${onlySet} onChange=${e => setOnlySet(e.target.checked)} /> ${t('onlySet')}</label></div>
    <${Waiting} answer=${answer} /><div class="card scroll" tabindex="0" role="region" aria-label=${t('configs')}><table class="stack"><thead><tr><th scope="col">${t('key')}</th><th scope="col">${t('value')}</th><th scope="col">${t('source')}</th><th scope="col">${t('default_')}</th><th scope="col">${t('change')}</th><th scope="col">${t('meaning')}</th></tr></thead>
      <tbody>${rows.map(r => html`<tr key=${r.name}><th scope="row" class="mono key">${r.name.split('.').map((w, i) => i ? html`.<wbr />${w}` : w)}</th><td class="mono" data-name=${t('value')}>${r.sensitive ? t('hidden') : r.value ?? t('null_')}</td><td data-name=${t('source')}>${t('source:' + r.source)}</td><td class="mono" data-name=${t('default_')}>${r.default}</td><td data-name=${t('change')}>${t('change:' + r.change)}${r.change === 'restart' ? null : html`<details><summary>${t('howTo')}</summary><code>${howTo(r, kind, name)}</code></details>`}</td><td>${r.doc}</td></tr>`)}</tbody></table></div>`;
}

const entityName = x => x === null ? t('anyOne') : x === '' ? t('everyoneElse') : x;

// usage is a use in the unit of its quota: a share of the time of threads, or bytes.
const usage = r => r.resource === 'Request' ? r.perSecond.toFixed(2) + ' %' : bytes(Math.round(r.perSecond)) + '/s';

export function Quotas() {
  const answer = usePoll('/api/quotas', 1000);
  const { use = [], limits = [], seen = {} } = answer.data || {};
  return html`<h1>${t('quotasAndRights')}</h1><${Waiting} answer=${answer} />
    <section class="card" aria-labelledby="limits"><h2 id="limits">${t('limits')}</h2>${answer.data && !limits.length ? html`<p>${t(seen.limits ? 'noLimits' : 'limitsUnseen')}</p>` : html`<div class="scroll" tabindex="0" role="group" aria-label=${t('limits')}><table><thead><tr><th scope="col">${t('user')}</th><th scope="col">${t('client')}</th><th scope="col" class="n">producer_byte_rate</th><th scope="col" class="n">consumer_byte_rate</th><th scope="col" class="n">request_percentage</th></tr></thead>
      <tbody>${limits.map((l, i) => html`<tr key=${i}><td>${entityName(l.user)}</td><td>${entityName(l.client)}</td>${['producer_byte_rate', 'consumer_byte_rate', 'request_percentage'].map(k => html`<td class="n">${l.limits[k] === undefined ? '–' : number(l.limits[k])}</td>`)}</tr>`)}</tbody></table></div>`}</section>
    <section class="card" aria-labelledby="uses"><h2 id="uses">${t('uses')}</h2>${answer.data && !use.length ? html`<p>${t(seen.use ? 'noQuotas' : 'usesUnseen')}</p>` : html`<div class="scroll" tabindex="0" role="group" aria-label=${t('uses')}><table class="stack"><thead><tr><th scope="col">${t('broker')}</th><th scope="col">${t('resource')}</th><th scope="col">${t('user')}</th><th scope="col">${t('client')}</th><th scope="col" class="n">${t('use')}</th><th scope="col" class="n">${t('throttled')}</th></tr></thead>
      <tbody>${use.map((r, i) => html`<tr key=${i}><td data-name=${t('broker')}>${r.broker}</td><td data-name=${t('resource')}>${r.resource}</td><td data-name=${t('user')}>${r.user || '–'}</td><td data-name=${t('client')}>${r.client || '–'}</td><td class="n" data-name=${t('use')}>${usage(r)}</td><td class="n" data-name=${t('throttled')}>${r.throttleMs ? Math.round(r.throttleMs) + ' ms' : '–'}</td></tr>`)}</tbody></table></div>`}</section>
    <${Rights} />`;
}

const operations = ['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS', 'IDEMPOTENT_WRITE', 'CLUSTER_ACTION'];
const marks = { allow: '✓', super: '✓', deny: '✕', some: '◐', none: '' };

// Rights is what a user may do, as the authorizer itself answers: resources by operations.
function Rights() {
  const [user, setUser] = useState(''), [other, setOther] = useState(''), [host, setHost] = useState('');
  const answer = usePoll('/api/rights' + (user ? '?user=' + encodeURIComponent(user) + '&host=' + encodeURIComponent(host) : ''), 3000);
  const { enabled, principals = [], hosts = [], rights = [] } = answer.data || {};
  if (enabled && !user && principals.length) setUser(principals.find(p => p !== 'User:*') || principals[0]);
  const columns = operations.filter(o => rights.some(r => r.may[o] !== undefined));
  return html`<section class="card" aria-labelledby="rights"><h2 id="rights">${t('rights')}</h2><${Waiting} answer=${answer} />
    ${answer.data && !enabled ? html`<p>${t('noAuthorizer')}</p>` : null}
    ${enabled || user ? html`<form class="row" onSubmit=${e => { e.preventDefault(); if (other) setUser(other.includes(':') ? other : 'User:' + other); }}><label>${t('chooseUser')} <select value=${user} onChange=${e => setUser(e.target.value)}>${[...new Set([...principals, user].filter(Boolean))].map(p => html`<option key=${p} value=${p}>${p}</option>`)}</select></label>
      <label>${t('otherUser')} <input value=${other} placeholder="User:alice" onInput=${e => setOther(e.target.value)} /></label>
      ${hosts.length ? html`<label>${t('fromHost')} <select value=${host} onChange=${e => setHost(e.target.value)}><option value="">${t('anyHost')}</option>${hosts.map(h => html`<option key=${h} value=${h}>${h}</option>`)}</select></label>` : null}</form>
      ${rights.length ? html`<div class="scroll" tabindex="0" role="group" aria-label=${t('rights')}><table class="matrix"><thead><tr><th scope="col">${t('resource_')}</th>${columns.map(o => html`<th scope="col" key=${o}>${o.replace('_', ' ').toLowerCase()}</th>`)}</tr></thead>
        <tbody>${rights.map(r => html`<tr key=${r.type + r.pattern + r.name}><th scope="row">${r.type.toLowerCase().replace('_', ' ')} <span class="mono">${r.name}${r.pattern === 'PREFIXED' ? '…' : ''}</span></th>
          ${columns.map(o => html`<td key=${o} class=${'may ' + (r.may[o] || '')}>${r.may[o] ? html`<span title=${t('may:' + r.may[o])}><span aria-hidden="true">${marks[r.may[o]] || '·'}</span><span class="hidden">${t('may:' + r.may[o])}</span></span>` : ''}</td>`)}</tr>`)}</tbody></table></div>` : answer.data ? html`<p>${t('noRights')}</p>` : null}` : null}</section>`;
}

// Doctor is what the rules of momus doctor say, with the cure.
function Doctor() {
  const answer = usePoll('/api/doctor?lang=' + language(), 5000), list = answer.data || [];
  return html`<section class="card" aria-labelledby="doctor"><h2 id="doctor">${t('doctor')}</h2><p class="dim">${t('doctorMore')}</p><${Waiting} answer=${answer} />
    ${answer.data && !list.length ? html`<p class="ok">✓ ${t('nothingFound')}</p>` : null}
    ${list.map((f, i) => html`<article key=${f.name + i} class="finding"><h3><span class=${'badge ' + (f.severity === 'critical' ? 'bad' : f.severity === 'warning' ? 'warn' : '')}>${t(f.severity)}</span> ${f.summary}</h3>
      <ul>${(f.evidence || []).map((e, k) => html`<li key=${k} class="mono">${e}</li>`)}</ul><p>${f.consequence}</p><details><summary>${t('cure')}</summary><p>${f.cure}</p>${f.commands.length ? html`<pre>${f.commands.join('\n')}</pre>` : null}</details></article>`)}</section>`;
}

const mostAlike = 3, ofPartitions = new Set(['noLeader', 'underReplicated', 'notPreferred', 'oneReplica']);

// together makes one row of what is said of many partitions of a topic.
function together(rows) {
  const kinds = new Map();
  for (const r of rows) {
    const topic = ofPartitions.has(r.what) ? r.subject.replace(/-\d+$/, '') : r.subject, key = r.severity + ' ' + r.what + ' ' + topic;
    if (!kinds.has(key)) kinds.set(key, { topic, rows: [] });
    kinds.get(key).rows.push(r);
  }
  return [...kinds.values()].flatMap(k => k.rows.length <= mostAlike ? k.rows : [{ ...k.rows[0], subject: k.topic, detail: '', alike: k.rows }]);
}

export function Health() {
  const answer = usePoll('/api/health', 1000);
  const rows = together(answer.data || []);
  return html`<h1>${t('health')}</h1><${Waiting} answer=${answer} /><div class="card" aria-live="polite">${answer.data && !rows.length ? html`<p class="ok">✓ ${t('healthy')}</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label=${t('health')}><table><thead><tr><th scope="col">${t('severity')}</th><th scope="col">${t('subject')}</th><th scope="col">${t('finding')}</th></tr></thead>
    <tbody>${rows.map(r => html`<tr key=${r.subject + r.what}><td><span class=${'badge ' + (r.severity === 'error' ? 'bad' : 'warn')}>${t(r.severity)}</span></td><th scope="row" class="mono">${r.subject}</th><td>${t('f:' + r.what)} <span class="dim">${r.detail || ''}</span>${r.alike ? html`<details><summary>${t('alike', number(r.alike.length))}</summary>${r.alike.map(x => html`<div key=${x.subject} class="mono">${x.subject} <span class="dim">${x.detail || ''}</span></div>`)}</details>` : null}</td></tr>`)}</tbody></table></div>`}</div><${Doctor} />`;
}
