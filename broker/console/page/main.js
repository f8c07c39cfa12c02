import { html, render, useState, useEffect } from './vendor/htm-preact.js';
import { t, language, setLanguage } from './i18n.js';
import { state, subscribe, connect, changed } from './store.js';
import { Theme } from './parts.js';
import { Cluster } from './cluster.js';
import { Partition } from './partition.js';
import { Groups, Transactions } from './coordinators.js';
import { ZooKeeper } from './zookeeper.js';
import { Configs, Quotas, Health } from './settings.js';

const views = [['cluster', '', Cluster], ['groups', 'groups', Groups], ['zookeeper', 'zookeeper', ZooKeeper], ['transactions', 'transactions', Transactions],
  ['configs', 'configs', Configs], ['quotas', 'quotas', Quotas], ['health', 'health', Health]];

// route is where the address points to: a view and its arguments.
function route() {
  const parts = location.hash.replace(/^#\/?/, '').split('/').map(p => { try { return decodeURIComponent(p); } catch { return p; } });
  return { name: parts[0], args: parts.slice(1) };
}

function App() {
  const [, draw] = useState(0);
  const [at, setAt] = useState(route());
  useEffect(() => subscribe(() => draw(n => n + 1)), []);
  useEffect(() => {
    const moved = () => { setAt(route()); state.problem = ''; document.getElementById('content')?.focus(); };
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  const view = views.find(v => v[1] === at.name);
  const name = at.name === 'partition' ? 'partition' : view ? view[0] : 'cluster';
  const View = at.name === 'partition' ? Partition : view ? view[2] : Cluster;
  useEffect(() => { document.title = t(name) + ' · momus'; }, [name, language()]);
  const choose = e => { setLanguage(e.target.value); connect(); changed(); draw(n => n + 1); };
  return html`
    <a class="skip" href="#content" onClick=${e => { e.preventDefault(); document.getElementById('content').focus(); }}>${t('skip')}</a>
    <header>
      <span class="name">momus</span>
      <nav aria-label=${t('views')}><ul>${views.map(([key, path]) => html`<li><a href=${'#/' + path} aria-current=${key === name ? 'page' : null}>${t(key)}</a></li>`)}</ul></nav>
      <div class="end">
        <label>${t('language')} <select value=${language()} onChange=${choose}><option value="en" lang="en">English</option><option value="ko" lang="ko">한국어</option></select></label>
        <${Theme} />
      </div>
    </header>
    <div class="told"><div role="status">${state.connected ? null : html`<p class="banner">${t('lost')}</p>`}</div>
      <div role="alert">${state.problem ? html`<p class="banner">${t('failed', state.problem)} <button aria-label=${t('dismiss')} onClick=${() => { state.problem = ''; changed(); }}>✕</button></p>` : null}</div></div>
    <main id="content" tabindex="-1"><${View} key=${name + at.args.join('/')} args=${at.args} /></main>`;
}

connect();
render(html`<${App} />`, document.getElementById('app'));
