// Adds what needs a script: sorting, filtering, opening all, copying. Everything can be read without it.
(() => {
  'use strict';
  const at = (id) => document.getElementById(id);
  const told = at('told');
  const tell = (text) => { told.textContent = text; };

  const list = at('list');
  if (list) {
    const all = [...list.children];
    const number = (one, key) => Number(one.dataset[key]);
    const orders = {
      points: (a, b) => number(b, 'points') - number(a, 'points'),
      gain: (a, b) => number(b, 'gain') - number(a, 'gain'),
      impact: (a, b) => number(b, 'impact') - number(a, 'impact'),
      target: (a, b) => (a.dataset.target < b.dataset.target ? -1 : a.dataset.target > b.dataset.target ? 1 : 0),
    };
    at('tools').hidden = false;
    at('tools').addEventListener('submit', (event) => event.preventDefault());
    at('sort').addEventListener('change', (event) => {
      list.append(...[...all].sort(orders[event.target.value]));
      tell(`Sorted by ${event.target.selectedOptions[0].textContent}`);
    });
    const texts = all.map((one) => one.textContent.toLowerCase());
    at('filter').addEventListener('input', (event) => {
      const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      all.forEach((one, place) => {
        one.hidden = !words.every((word) => texts[place].includes(word));
        shown += one.hidden ? 0 : 1;
      });
      tell(`${shown} of ${all.length} findings shown`);
    });
    const every = (open) => () => list.querySelectorAll('details').forEach((one) => { one.open = open; });
    at('open').addEventListener('click', every(true));
    at('close').addEventListener('click', every(false));
  }

  // A link to a finding opens it.
  const reveal = () => {
    const one = location.hash.startsWith('#finding-') && at(location.hash.slice(1));
    if (one) {
      one.hidden = false;
      one.querySelector('details').open = true;
      one.scrollIntoView();
    }
  };
  addEventListener('hashchange', reveal);
  reveal();

  // What is printed is printed whole, and stands as it stood afterwards.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('details:not([open])')];
    closed.forEach((one) => { one.open = true; });
  });
  addEventListener('afterprint', () => closed.forEach((one) => { one.open = false; }));

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand('copy');
      area.remove();
      return done;
    }
  };
  // A word in passing is no command: what is copied has an argument, or stands in a block of its own.
  for (const code of document.querySelectorAll('.remedy code')) {
    const block = code.parentElement.tagName === 'PRE';
    const text = code.textContent.trim();
    if (!block && !/\s/.test(text)) continue;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', `Copy ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`);
    button.addEventListener('click', async () => {
      const done = await copy(text);
      button.textContent = done ? 'Copied' : 'Not copied';
      tell(done ? 'Copied' : 'Not copied: the browser does not allow it');
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
      button.focus();
    });
    (block ? code.parentElement : code).after(button);
  }
})();
