// Charts: each asks for its figure by itself, those on the screen first, and Plotly draws it.
//
// A chart is an element with `data-chart`, what it is, and `data-asked`, which is another one whenever the view is
// shown again.  Charts that nobody sees are drawn when all others are there and nothing else is to be done, so that
// they can be printed and scrolled to.
(function () {
  "use strict";
  const CONFIG = { displaylogo: false, displayModeBar: false, responsive: true, doubleClick: false, showTips: false };
  const PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js";
  const WITHOUT = /^\/(sessions?|live|alerts)$/;  // views that have no chart to load a script for
  const AT_ONCE = 4;
  const charts = new Map();
  let running = 0, idle = 0, loading = null;

  const whenIdle = window.requestIdleCallback ? (go) => window.requestIdleCallback(go, { timeout: 2000 }) : (go) => setTimeout(go, 50);
  const byPlace = (one, other) => (one.place.compareDocumentPosition(other.place) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);

  function plotly() {
    loading = loading || new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = PLOTLY;
      script.onload = () => done(window.Plotly);
      script.onerror = () => { loading = null; script.remove(); failed(new Error("the script that draws was not loaded")); };
      document.head.append(script);
    });
    return loading;
  }

  const seeing = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const chart = charts.get(entry.target);
      if (chart) chart.isNear = entry.isIntersecting;
    }
    next();
  }, { rootMargin: "150px" });

  // Charts that came, that are shown again, and that are gone.
  function look() {
    for (const [place, chart] of charts) {
      if (place.isConnected && place.dataset.asked) continue;
      end(chart);
      charts.delete(place);
    }
    for (const place of document.querySelectorAll(".chart[data-asked]")) {
      const before = charts.get(place);
      if (before && before.asked === place.dataset.asked) continue;
      if (before) end(before);
      const chart = { place, asked: place.dataset.asked, given: JSON.parse(place.dataset.chart), isWanted: true, isNear: null };
      charts.set(place, chart);
      show(chart, "loading", "");
      seeing.observe(place);
      plotly().catch(() => null);
    }
  }
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["data-asked"] });

  function end(chart) {
    seeing.unobserve(chart.place);
    if (chart.isDrawn) window.Plotly.purge(plotOf(chart));
  }

  function plotOf(chart) {
    return chart.place.querySelector(".plot");
  }

  function show(chart, state, said, note) {
    const place = chart.place, shown = place.closest(".panel") && place.closest(".panel").querySelector("[data-note]");
    ["loading", "empty", "error"].forEach((name) => place.classList.toggle(name, name === state));
    place.querySelector(".said").textContent = said;
    if (shown) shown.textContent = note || shown.dataset.note;
  }

  // What waits until nothing is drawn on the screen.
  let waiting = [];
  function settle() {
    const isDue = (one) => one.isNear === null || (one.isNear && (one.isWanted || one.isAsked));
    if (!waiting.length || [...charts.values()].some(isDue)) return;
    waiting.forEach((go) => go());
    waiting = [];
  }

  function next() {
    const wanted = [...charts.values()].filter((one) => one.isWanted && !one.isAsked);
    const near = wanted.filter((one) => one.isNear).sort(byPlace);
    while (near.length && running < AT_ONCE) ask(near.shift());
    settle();
    if (!running && wanted.length && !idle) {
      idle = whenIdle(() => {
        idle = 0;
        const one = [...charts.values()].filter((chart) => chart.isWanted && !chart.isAsked).sort(byPlace)[0];
        if (one && !running) ask(one);
      });
    }
  }

  async function ask(chart) {
    chart.isWanted = false;
    chart.isAsked = true;
    running += 1;
    try {
      await draw(chart, await answer(chart));
    } catch (error) {
      if (isThere(chart) && !chart.isDrawn) show(chart, "error", error.message);
    }
    chart.isAsked = false;
    running -= 1;
    next();
  }

  function isThere(chart) {
    return charts.get(chart.place) === chart;
  }

  async function answer(chart) {
    const fields = new URLSearchParams({ key: chart.given.key, path: window.location.pathname, search: window.location.search });
    let response;
    try { response = await fetch("/_chart?" + fields, { cache: "no-store", redirect: "error" }); }
    catch (error) { throw new Error("the server does not answer"); }
    if (!response.ok) throw new Error(response.status === 429 ? "too many requests; load the page again" : "this could not be drawn; the log of the server says why");
    return response.text();
  }

  async function draw(chart, text) {
    const Plotly = await plotly();
    if (!isThere(chart) || text === chart.text) return;
    const drawn = JSON.parse(text), said = drawn.error || drawn.empty;
    chart.text = text;
    chart.figure = said ? null : drawn.figure;
    if (!said) await paint(chart, Plotly);
    else if (chart.isDrawn) { Plotly.purge(plotOf(chart)); chart.isDrawn = false; }
    if (isThere(chart)) show(chart, drawn.error ? "error" : said ? "empty" : "", said || "", drawn.note);
  }

  // In a narrow place names stand below each other: the figures have as much room as without them.
  function roomForLegend(chart, plot, layout) {
    const height = parseFloat(chart.place.style.minHeight), number = chart.figure.data.filter((one) => one.showlegend !== false).length;
    const isNarrow = layout.showlegend !== false && number > 3 && plot.clientWidth < 420;
    plot.style.height = height + (isNarrow ? (number - 3) * 19 : 0) + "px";
    if (isNarrow) layout.legend = Object.assign({}, layout.legend, { maxheight: number * 19 + 20 });
  }

  function paint(chart, Plotly) {
    const shown = document.body.dataset.agThemeMode === "dark" ? window.explorer.themed(chart.figure) : chart.figure;
    const drag = chart.given.drag, plot = plotOf(chart);
    const layout = Object.assign({}, shown.layout, { autosize: true, dragmode: drag.length ? "zoom" : false });
    for (const name of Object.keys(layout).filter((one) => /^[xy]axis/.test(one))) {
      layout[name] = Object.assign({}, layout[name], { fixedrange: !drag.some((pair) => name.startsWith(pair[0])) });
    }
    roomForLegend(chart, plot, layout);
    if (chart.isDrawn) return Plotly.react(plot, shown.data, layout, CONFIG);
    chart.isDrawn = true;
    const done = Plotly.newPlot(plot, shown.data, layout, CONFIG);
    plot.on("plotly_relayout", (changed) => dragged(chart.given, changed));
    plot.on("plotly_click", (event) => clicked(chart.given, event));
    return done;
  }

  function iso(text) {
    return String(text).trim().replace(" ", "T").replace(/(\.\d{3})\d*$/, "$1").replace(/\.0+$/, "") + "Z";
  }
  function figure(number) {
    return Number(number.toPrecision(4)).toString();
  }

  // Dragging over a chart filters: by time, or by a further condition.
  function dragged(given, changed) {
    const fields = new URLSearchParams(window.location.search), conditions = [];
    let isChanged = false;
    for (const [axis, column] of given.drag) {
      let low = changed[axis + "axis.range[0]"], high = changed[axis + "axis.range[1]"];
      if (low === undefined || high === undefined) continue;
      isChanged = true;
      if (column === "start_time") {
        fields.set("from", iso(low));
        fields.set("to", iso(high));
      } else {
        const scale = column === "duration" ? 1000 : 1;
        low = Math.pow(10, Number(low)) * scale;
        high = Math.pow(10, Number(high)) * scale;
        conditions.push(`${column} >= ${figure(low)} and ${column} < ${figure(high)}`);
      }
    }
    if (!isChanged) return;
    if (conditions.length) {
      const before = (fields.get("where") || "").trim();
      fields.set("where", [...(before ? [/\bor\b/i.test(before) ? `(${before})` : before] : []), ...conditions].join(" and "));
    }
    if ("?" + fields !== window.location.search) window.explorer.go(window.location.pathname + "?" + fields);
  }

  function clicked(given, event) {
    const point = given.opens && event.points && event.points[0];
    const id = point && Array.isArray(point.customdata) ? point.customdata[0] : null;
    if (typeof id === "string") window.explorer.go(window.explorer.sessionHref(id));
  }

  window.explorerCharts = {
    expected: (path) => { if (!WITHOUT.test(path)) plotly().catch(() => null); },
    settled: () => new Promise((done) => {
      look();
      waiting.push(done);
      settle();
    }),
    again: function () {  // figures may have changed
      charts.forEach((chart) => { chart.isWanted = true; });
      next();
    },
    recolored: function () {
      if (window.Plotly) charts.forEach((chart) => { if (chart.isDrawn) paint(chart, window.Plotly); });
    },
  };
})();
