// The course beside the picture of its cluster. What a learner does is sent to /api/tour; where the course stands is asked for while something runs.
import { html, render, useState, useEffect, useRef } from '/page/vendor/htm-preact.js';
import { language, setLanguage } from '/page/i18n.js';
import { connect, changed, subscribe, token } from '/page/store.js';
import { Cluster } from '/page/cluster.js';
import { Theme } from '/page/parts.js';

const texts = {
  chapters: ['Chapters', '차례'], exercises: ['Exercises: something is wrong in this cluster', '연습: 이 클러스터에 문제가 있습니다'], choose: ['Choose a chapter.', '차례에서 장을 고르세요.'],
  run: ['Run', '실행'], again: ['Run again', '다시 실행'], start: ['Start in the background', '뒤에서 시작'], stop: ['Stop {n}', '{n} 멈추기'], wait: ['See what {n} printed', '{n} 출력 보기'],
  do: ['Do it', '해 보기'], skip: ['Skip', '건너뛰기'], own: ['or type the command yourself', '또는 직접 입력'], typed: ['typed into it:', '입력한 내용:'], running: ['running…', '실행 중…'],
  background: ['runs in the background as {n}', '뒤에서 실행 중: {n}'], moreInside: ['{n} more', '{n}개 더 보기'], needs: ['These steps take {n} brokers: momus tour --page --brokers {n}', '이 부분에는 브로커 {n}대가 필요합니다: momus tour --page --brokers {n}'],
  exerciseNeeds: ['This exercise takes {n} brokers: momus tour --page --brokers {n}', '이 연습에는 브로커 {n}대가 필요합니다: momus tour --page --brokers {n}'],
  wrong: ['That is not what should come out:', '기대한 결과가 아닙니다:'], inside: ['What happened inside', '안에서 일어난 일'], question: ['Question', '질문'], answer: ['Show the answer', '답 보기'],
  try: ['Try it yourself', '직접 해 보기'], goal: ['Your task', '할 일'], check: ['Check', '확인'], solution: ['Show the solution', '풀이 보기'], solved: ['Repaired.', '고쳤습니다.'],
  notYet: ['Not yet:', '아직 아닙니다:'], terminal: ['A command of your own', '명령 직접 실행'], done: ['This chapter is done.', '이 장을 마쳤습니다.'], preparing: ['Preparing the cluster…', '클러스터를 준비하는 중…'],
  card: ['Reference card', '참고 카드'], language: ['Language', '언어'], script: ['The course', '과정'], picture: ['The cluster', '클러스터'], failed: ['That did not work: {n}', '되지 않았습니다: {n}'], result: ['what it printed', '출력'],
  did: ['done', '완료'], skipped: ['skipped', '건너뜀'], nothing: ['(it printed nothing)', '(출력 없음)'], commandFailed: ['The command failed.', '명령이 실패했습니다.'],
  lost: ['The course cannot be reached; trying again.', '과정에 연결할 수 없습니다. 다시 시도합니다.'],
  words: ["Kafka's tools can be run here, and ls, cat and write FILE 'TEXT' with files of the course; behind a |: grep, head and tail.", "Kafka 도구를 실행할 수 있고, 과정의 파일에는 ls, cat, write 파일 '내용'을 쓸 수 있습니다. | 뒤에는 grep, head, tail이 됩니다."],
};
const t = (key, n) => texts[key][language() === 'ko' ? 1 : 0].replaceAll('{n}', () => n);

// useCourse knows where the course stands. It is asked for often while something runs, and now and then otherwise: the page may be open twice.
// What is wrong with a wish is shown until the next one.
function useCourse() {
  const [course, setCourse] = useState(null), [problem, setProblem] = useState(''), [lost, setLost] = useState(false);
  const timer = useRef(0), known = useRef({}), turns = useRef(0);
  const ask = async wish => {
    clearTimeout(timer.current);
    const turn = ++turns.current; // an answer to what was asked before a wish is out of date
    const again = ms => { clearTimeout(timer.current); timer.current = setTimeout(() => document.hidden ? again(ms) : ask(), ms); };
    if (wish) {
      setProblem('');
      setCourse(c => c && { ...c, busy: true }); // a second click finds nothing to press
      const at = known.current.state?.chapter;
      wish = { ...wish, seen: at && { chapter: at.name, next: at.next } };
    }
    try {
      const options = wish && { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Momus-Token': token }, body: JSON.stringify(wish) };
      const r = await fetch('/api/tour?lang=' + language(), options || {}), text = await r.text();
      if (turn !== turns.current) return;
      setLost(false);
      if (!r.ok) {
        if (wish) setProblem(text.trim() || r.statusText);
        known.current = {};
        return again(wish ? 0 : 2000);
      }
      if (wish || text !== known.current.text) {
        known.current = { text, state: JSON.parse(text) };
        setCourse(known.current.state);
      }
      again(known.current.state.busy ? 250 : 1500);
    } catch { // nobody answers
      if (turn !== turns.current) return;
      setLost(true);
      if (wish) setCourse(c => c && { ...c, busy: false });
      again(2000);
    }
  };
  useEffect(() => { ask(); return () => clearTimeout(timer.current); }, []);
  return { course, problem, lost, ask };
}

let pressed = false; // the reader has pressed a button that may be useless then

function Chapters({ course, ask }) {
  const list = exercise => html`<ol>${course.chapters.filter(c => c.exercise === exercise).map(c => html`<li><button disabled=${course.busy}
    aria-current=${course.chapter?.name === c.name} onClick=${e => { pressed = true; e.currentTarget.blur(); ask({ do: 'open', chapter: c.name }); }}>${c.number}. ${c.title}</button></li>`)}</ol>`;
  return html`<nav class="card chapters" aria-label=${t('chapters')}><h2>${t('chapters')}</h2>${list(false)}<h2>${t('exercises')}</h2>${list(true)}</nav>`;
}

const isTable = line => /\S(\t| {2,})\S/.test(line);

// Output is what a command printed. Rows of tables stay as they are, for their columns; other lines are broken where the page ends.
function Output({ text }) {
  const parts = [];
  text.split('\n').forEach((line, i) => {
    const table = isTable(line), last = parts[parts.length - 1];
    if (last && (last.table === table || !line)) last.text += '\n' + line; else parts.push({ table, text: (i ? '\n' : '') + line });
  });
  return html`<pre class="out" tabindex="0" role="group" aria-label=${t('result')}>${parts.map(p => p.table ? p.text : html`<span class="prose">${p.text}</span>`)}</pre>`;
}

// Result is what came of a command; own is whether nobody expects anything of it.
function Result({ result, own }) {
  if (!result) return null;
  return html`${result.output ? html`<${Output} text=${result.output} />` : null}
    ${result.why ? html`<p class="bad">${result.why}</p>` : null}
    ${result.problem ? html`<p class="bad">${own ? t('commandFailed') : t('wrong') + ' ' + result.problem}</p>` : null}`;
}

const mostInside = 8;

// Inside is what the journals said: the first lines, and the others when they are asked for.
function Inside({ lines }) {
  const list = some => html`<ul class="inside">${some.map(x => html`<li>${x}</li>`)}</ul>`;
  return html`${list(lines.slice(0, mostInside))}${lines.length > mostInside ? html`<details><summary>${t('moreInside', lines.length - mostInside)}</summary>${list(lines.slice(mostInside))}</details>` : null}`;
}

// Command is broken between its words only: a browser would take a - for the end of a line, and half an option is no option.
function Command({ text }) {
  return text.split(' ').map((w, i) => html`${i ? ' ' : ''}${w.includes('-') && !w.includes('\n') ? html`<span class="word">${w}</span>` : w}`);
}

function label(s) {
  if (s.kind === 'run') return s.done ? t('again') : t('run');
  if (s.kind === 'start' || s.kind === 'do') return t(s.kind);
  return t(s.kind, s.as);
}

function Step({ s, course, ask }) {
  const [typed, setTyped] = useState('');
  const now = s.index === course.chapter.next, ref = useRef(), first = useRef();
  useEffect(() => { if (now && s.kind && s.index > 0) ref.current?.scrollIntoView({ block: 'nearest' }); }, [now]);
  // A button that cannot be pressed any more loses the focus, which goes on to the next one.
  useEffect(() => { if (now && !course.busy && pressed && document.activeElement === document.body) first.current?.focus({ preventScroll: true }); }, [now, course.busy]);
  const may = !course.busy && (now || s.kind === 'run' && s.index < course.chapter.next);
  const over = s.kind !== 'run' && s.index < course.chapter.next && !s.running; // for good: only a command may be run again
  const go = e => { e.preventDefault(); pressed = true; ask({ do: 'step', step: s.index, typed }); setTyped(''); };
  const skip = () => { pressed = true; ask({ do: 'skip', step: s.index }); };
  const silent = s.done && !s.running && s.result && !s.result.output && !s.result.why && !s.result.problem;
  return html`<li class=${'step' + (now && s.kind ? ' now' : '')} ref=${ref}>
    ${s.text ? html`<p>${s.text}</p>` : null}
    ${s.needs ? html`<p class="dim">${t('needs', s.needs)}</p>` : s.kind ? html`
      ${s.command ? html`<pre class=${s.kind === 'do' ? 'command deed' : 'command'} lang=${s.kind === 'do' ? null : 'en'}><${Command} text=${s.command} /></pre>` : null}
      ${s.input ? html`<p class="dim">${t('typed')}</p><pre class="out">${s.input}</pre>` : null}
      ${over ? html`<p class=${s.done ? 'ok' : 'dim'}>${s.done ? '✓ ' + (s.kind === 'start' ? t('background', s.as) : s.command ? t('did') : label(s)) : t('skipped')}</p>` : html`<form class="line" onSubmit=${go}>
        <button class=${now ? 'main' : ''} disabled=${!may} ref=${first}>${s.running ? t('running') : label(s)}</button>
        ${now && (s.kind === 'run' || s.kind === 'start') ? html`<input class="mono" aria-label=${t('own')} placeholder=${t('own')} value=${typed} onInput=${e => setTyped(e.target.value)} />` : null}
        ${now ? html`<button type="button" disabled=${course.busy} onClick=${skip}>${t('skip')}</button>` : null}
      </form>`}
      <${Result} result=${s.result} />
      ${silent && s.kind === 'run' && !s.input ? html`<p class="dim">${t('nothing')}</p>` : null}
      ${s.inside?.length ? html`<details open><summary>${t('inside')}</summary><${Inside} lines=${s.inside} /></details>` : null}` : null}
    ${s.question ? html`<p><b>${t('question')}:</b> ${s.question}</p><details><summary>${t('answer')}</summary><p>${s.answer}</p></details>` : null}
    ${s.try ? html`<p><b>${t('try')}:</b> ${s.try}</p>` : null}
  </li>`;
}

function Own({ course, ask }) {
  const [typed, setTyped] = useState('');
  const go = e => { e.preventDefault(); ask({ do: 'run', typed }); };
  const free = course.free;
  return html`<section class="card try"><h2>${t('terminal')}</h2><p class="facts"><span>Kafka <code>${course.kafka}</code></span><span>ZooKeeper <code>${course.zookeeper}</code></span></p>
    <p class="dim">${t('words')}</p><form class="line row" onSubmit=${go}>
    <input class="mono" aria-label=${t('terminal')} placeholder=${'kafka-topics.sh --bootstrap-server ' + course.kafka + ' --list'} value=${typed} onInput=${e => setTyped(e.target.value)} />
    <button disabled=${course.busy || !typed}>${t('run')}</button></form>
    ${free ? html`<pre class="mono" lang="en">$ <${Command} text=${free.command} /></pre><${Result} result=${free} own />
      ${free.output || free.why || free.problem ? null : html`<p class="dim">${t('nothing')}</p>`}` : null}</section>`;
}

function Script({ course, ask }) {
  const c = course.chapter;
  const [solution, setSolution] = useState(''), top = useRef();
  useEffect(() => { if (matchMedia('(max-width: 1100px)').matches) top.current?.scrollIntoView(); }, [c?.name]); // the chapters stand above it there
  if (!c) return html`<p>${t('choose')}</p>`;
  const shown = (!c.goal || solution === c.name || c.steps.some(s => s.done || s.running) ? c.steps : []).filter((s, i, all) => !(s.needs && all[i - 1]?.needs)); // told once
  const waiting = course.busy && c.steps.every(s => !s.running && !s.done);
  const over = c.steps.length > 0 && c.next > c.steps[c.steps.length - 1].index;
  return html`<section class="card" ref=${top}><h1>${c.number}. ${c.title}</h1>
    ${c.intro ? html`<p>${c.intro}</p>` : null}
    ${waiting ? html`<p role="status">${t('preparing')}</p>` : null}
    ${c.goal ? html`<p><b>${t('goal')}:</b> ${c.goal}</p><div class="row">
      ${c.needs ? html`<span class="dim">${t('exerciseNeeds', c.needs)}</span>` : html`<button class="main" disabled=${course.busy} onClick=${() => ask({ do: 'check' })}>${t('check')}</button>
      <button onClick=${() => setSolution(c.name)}>${t('solution')}</button>`}</div>` : null}
    <div role="status">${course.solved ? html`<p class="ok"><b>${t('solved')}</b></p>` : course.problem ? html`<p class="bad">${t('notYet')} ${course.problem}</p>` : null}</div>
    ${course.checked && !course.solved ? html`<pre class="mono" lang="en">$ <${Command} text=${course.checked.command} /></pre><${Result} result=${{ output: course.checked.output }} />` : null}
    <ol class="steps">${shown.map(s => html`<${Step} key=${c.name + s.index} s=${s} course=${course} ask=${ask} />`)}</ol>
    ${over ? html`<p class="ok">${t('done')}</p>` : null}</section>`;
}

function App() {
  const { course, problem, lost, ask } = useCourse();
  const [, draw] = useState(0);
  useEffect(() => subscribe(() => draw(n => n + 1)), []);
  useEffect(() => { document.documentElement.lang = language(); }, [language()]);
  const choose = e => { setLanguage(e.target.value); connect(); changed(); ask(); };
  return html`<header><span class="name">momus tour</span><nav aria-label=${t('picture')}><ul><li><a href="/">${t('picture')}</a></li><li><a href=${'/tour/card?lang=' + language()} target="_blank" rel="noopener">${t('card')}</a></li></ul></nav>
      <div class="end"><label>${t('language')} <select value=${language()} onChange=${choose}><option value="en" lang="en">English</option><option value="ko" lang="ko">한국어</option></select></label>
      <${Theme} /></div></header>
    <div class="told"><div role="status">${lost ? html`<p class="banner">${t('lost')}</p>` : null}</div>
      <div role="alert">${problem ? html`<p class="banner">${t('failed', problem)}</p>` : null}</div></div>
    <main>${course ? html`<div class="course"><${Chapters} course=${course} ask=${ask} />
      <div aria-label=${t('script')} role="region"><${Script} course=${course} ask=${ask} />${course.chapter ? html`<${Own} course=${course} ask=${ask} />` : null}</div>
      <div class="picture" aria-label=${t('picture')} role="region" tabindex="0"><${Cluster} args=${[]} /></div></div>` : null}</main>`;
}

// The picture's links lead to views of the other page.
addEventListener('hashchange', () => { if (location.hash.startsWith('#/')) open('/' + location.hash, '_blank', 'noopener'); });
connect();
render(html`<${App} />`, document.getElementById('app'));
