"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id)?.textContent ?? "null");
  const charts = [...document.querySelectorAll(".chart")];
  const figures = new Map(charts.map((chart) => [chart, read(`${chart.id}-figures`)]));
  const parts = new Map(read("parts") ?? []);

  // -- theme ------------------------------------------------------------------------------------

  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null; // what the button chose for this visit
  const setTheme = (name) => {
    root.dataset.theme = name;
    drawAll();
  };
  const systemTheme = () => (prefersDark.matches ? "dark" : "light");

  // -- charts -----------------------------------------------------------------------------------

  const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const SERIES = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `series-${n}`);

  function template() {
    const axis = {
      gridcolor: color("grid"), linecolor: color("line"), zerolinecolor: color("grid"),
      tickcolor: color("line"), automargin: true,
    };
    return {
      layout: {
        colorway: SERIES.map(color),
        font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("text") },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: axis, yaxis: axis,
        hoverlabel: {
          bgcolor: color("card"), bordercolor: color("line"), font: { color: color("text") },
        },
        legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { color: color("dim") } },
      },
    };
  }

  // figures have the colours of the light theme; these are their names
  const names = read("palette") ?? {};

  function themed(value, key = "") {
    if (typeof value === "string") {
      return /color/.test(key) && value in names ? color(names[value]) : value;
    }
    if (Array.isArray(value)) return value.map((one) => themed(one, key));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, themed(one, name)]));
  }

  const ON_PAPER = { width: 460, height: 240 }; // in what proportion charts are printed
  let size = { autosize: true };

  function draw(chart) {
    const figure = themed(figures.get(chart)[chart.dataset.shown]);
    const layout = { ...figure.layout, ...size, template: template() };
    Plotly.react(chart, figure.data, layout, { displayModeBar: false, responsive: true });
  }

  const drawAll = () => charts.forEach(draw);

  for (const choice of document.querySelectorAll(".choice")) {
    choice.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const one of choice.children) one.setAttribute("aria-pressed", one === button);
      const chart = byId(choice.dataset.chart);
      chart.dataset.shown = button.value;
      draw(chart);
      for (const one of document.querySelectorAll(`[data-of="${chart.id}"]`)) {
        one.hidden = one.dataset.shows !== button.value;
      }
    });
  }

  byId("theme")?.addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    setTheme(chosen);
  });
  prefersDark.addEventListener("change", () => chosen ?? setTheme(systemTheme()));
  setTheme(systemTheme());

  // paper is light; charts do not follow its width, but pictures with a view box do
  addEventListener("beforeprint", () => {
    size = ON_PAPER;
    setTheme("light");
    for (const picture of document.querySelectorAll(".main-svg")) {
      picture.setAttribute("viewBox", `0 0 ${ON_PAPER.width} ${ON_PAPER.height}`);
    }
  });
  addEventListener("afterprint", () => {
    for (const picture of document.querySelectorAll(".main-svg")) picture.removeAttribute("viewBox");
    size = { autosize: true, width: undefined, height: undefined };
    setTheme(chosen ?? systemTheme());
  });

  // -- table of sessions ------------------------------------------------------------------------

  const body = byId("rows");
  if (!body) return;
  const STEP = 50;
  const search = byId("search");
  const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
  let shown = STEP;

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter(({ text }) => words.every((word) => text.includes(word)));
    const visible = found.slice(0, shown).map(({ row }) => row);
    body.replaceChildren(...visible.flatMap((row) => (row.opened ? [row, row.opened] : [row])));
    byId("found").textContent = words.length
      ? `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows match`
      : `${visible.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows shown`;
    byId("more").hidden = found.length <= shown;
    byId("none").hidden = found.length > 0;
  }

  const value = (row, index) => row.cells[index].dataset.value ?? row.cells[index].textContent;

  function sort(header) {
    const wasDescending = header.getAttribute("aria-sort") === "descending";
    const isNumber = header.classList.contains("num");
    const isDescending = header.hasAttribute("aria-sort") ? !wasDescending : isNumber;
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    const index = header.cellIndex;
    const sign = isDescending ? -1 : 1;
    rows.sort((a, b) => {
      const [left, right] = [value(a.row, index), value(b.row, index)];
      if (left === "" || right === "") return (left === "") - (right === ""); // unknown comes last
      return sign * (isNumber ? left - right : left.localeCompare(right));
    });
    show();
  }

  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }
  byId("more").addEventListener("click", () => { shown += STEP; show(); });
  search.addEventListener("input", () => { shown = STEP; show(); });

  // -- what a session is made of ----------------------------------------------------------------

  function element(name, text = "", className = "") {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  }

  function partsOf(session) {
    const box = element("div", "", "parts");
    for (const [title, lines] of parts.get(session) ?? []) {
      const table = element("table");
      const head = table.createTHead().insertRow();
      [title, "calls", "tokens", "cost USD"].forEach((name, index) => {
        head.append(element("th", name, index ? "num" : ""));
      });
      const tbody = table.createTBody();
      for (const line of lines) {
        const row = tbody.insertRow();
        line.forEach((text, index) => row.append(element("td", text, index ? "num" : "")));
      }
      const scroll = element("div", "", "scroll");
      scroll.append(table);
      box.append(scroll);
    }
    return box.childElementCount ? box : element("p", "Nothing more is known of it.", "dim");
  }

  function toggle(row, isOpen = !row.opened) {
    row.querySelector(".open").setAttribute("aria-expanded", isOpen);
    row.opened?.remove();
    row.opened = null;
    if (isOpen) {
      row.opened = element("tr", "", "detail");
      const cell = row.opened.insertCell();
      cell.colSpan = row.cells.length;
      cell.append(partsOf(row.dataset.session));
      row.after(row.opened);
    }
  }

  body.addEventListener("click", (event) => {
    const button = event.target.closest(".open");
    if (button) toggle(button.closest("tr"));
  });

  // a point of a chart opens the session that it is
  byId("against")?.on?.("plotly_click", ({ points }) => {
    const session = points[0].customdata?.[0];
    const entry = rows.find(({ row }) => row.dataset.session === session);
    if (!entry) return;
    search.value = "";
    const place = rows.indexOf(entry);
    shown = Math.max(shown, place + 1);
    show();
    toggle(entry.row, true);
    entry.row.scrollIntoView({ block: "center" });
    entry.row.querySelector(".open").focus({ preventScroll: true });
  });

  // -- keyboard and navigation ------------------------------------------------------------------

  addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, textarea, select");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      show();
    }
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") byId("sessions").scrollIntoView();
  });

  const links = new Map([...document.querySelectorAll(".side a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-25% 0px -65% 0px" });
  for (const id of links.keys()) if (byId(id)) seen.observe(byId(id));
  show();
})();
