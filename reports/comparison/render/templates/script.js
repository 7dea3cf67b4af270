"use strict";

// Everything is on the page without this; it narrows the questions and saves the keyboard some stops.
(() => {
  const PAGE = 50;
  const form = document.getElementById("filters");

  function questions() {
    const [search, show, domain, slice, count, list, more] = [
      "search", "show", "domain", "slice", "count", "list", "more",
    ].map((id) => document.getElementById(id));
    // Before them: all, disagree, every router wrong.
    const routers = show.options.length - 3;
    const items = [...list.children].map((element) => ({
      element,
      text: (element.querySelector(".q").textContent + " " + element.querySelector(".i").textContent).toLowerCase(),
      domain: element.dataset.d,
      slice: element.dataset.s,
      wrong: element.dataset.w ? element.dataset.w.split(" ") : [],
      disagree: "x" in element.dataset,
    }));
    const number = new Intl.NumberFormat("en-GB");
    let found = items;

    function asked(item, words) {
      if (domain.value && item.domain !== domain.value) return false;
      if (slice && slice.value && item.slice !== slice.value) return false;
      if (show.value === "disagree" && !item.disagree) return false;
      if (show.value === "all-wrong" && item.wrong.length < routers) return false;
      if (/^\d/.test(show.value) && !item.wrong.includes(show.value)) return false;
      return words.every((word) => item.text.includes(word));
    }

    function apply() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      found = items.filter((item) => asked(item, words));
      // Taken out rather than hidden: thousands of hidden questions make every change slow.
      list.replaceChildren();
      showMore();
    }

    function showMore() {
      const next = found.slice(list.children.length, list.children.length + PAGE);
      list.append(...next.map((item) => item.element));
      const shown = list.children.length;
      more.hidden = shown === found.length;
      count.textContent = found.length === 0
        ? "No question matches"
        : `${number.format(found.length)} of ${number.format(items.length)} questions match` +
          (more.hidden ? "" : `, the first ${number.format(shown)} are shown`);
      return next[0];
    }

    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    // The fields are empty only after the event.
    form.addEventListener("reset", () => setTimeout(apply));
    more.addEventListener("click", () => showMore()?.element.querySelector("summary").focus());
    form.hidden = false;
    // A reload may have kept what was typed.
    apply();
  }

  // A box that does not scroll needs no stop of the keyboard.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll(".scroll, .canvas")) watch.observe(box);

  // On paper nothing can be opened; the questions stay as they are, there may be thousands.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")].filter((one) => !one.closest("#list"));
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });

  if (form) questions();
})();
