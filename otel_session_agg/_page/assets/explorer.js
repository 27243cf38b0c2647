// What the page does by itself: the address as the state, themes, completion, grids; charts are in charts.js.
(function () {
  "use strict";
  const none = () => window.dash_clientside.no_update;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function themeOf(search) {
    const given = new URLSearchParams(search || "").get("theme");
    return given === "light" || given === "dark" ? given : dark.matches ? "dark" : "light";
  }

  // Colours of the light theme to those of the dark one, as the page states them.
  let pairs = null;
  function darkOf(color) {
    if (pairs === null) {
      const text = getComputedStyle(document.documentElement).getPropertyValue("--pairs");
      const found = text.replace(/['"\s]*$|^['"\s]*/g, "").split(",").map((pair) => pair.trim().split(/\s+/));
      pairs = new Map(found);
    }
    return pairs.get(color) || color;
  }
  function themed(value) {
    if (typeof value === "string") return value[0] === "#" ? darkOf(value) : value;
    if (Array.isArray(value)) return value.map(themed);
    if (value && typeof value === "object") {
      if (value.bdata !== undefined) return value;
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, themed(one)]));
    }
    return value;
  }

  function triggered() {
    const context = window.dash_clientside.callback_context;
    return context.triggered.length ? context.triggered[0] : null;
  }
  function changed(search) {
    return search === window.location.search ? none() : search;
  }
  // What was typed counts with whatever control is changed: the header is shown again, and it would be gone.
  function typed(fields) {
    const input = document.getElementById("where"), where = input && input.value.trim();
    if (!input) return;
    where ? fields.set("where", where) : fields.delete("where");
  }
  function written(fields) {
    const text = fields.toString();
    return text ? "?" + text : "";
  }
  let chosen = null;

  // Enter on a proposed name takes that name; the condition is not complete yet.
  let isCompleting = false;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "where") return;
    const list = document.getElementById(event.target.getAttribute("aria-controls") || "");
    isCompleting = Boolean(list && list.offsetParent !== null && list.querySelector("[data-combobox-selected]"));
  }, true);

  // What a grid keeps in the address without that the view is shown again.
  const own = ["theme", "sort", "cols", "filters"];
  function shownBy(search) {
    const fields = new URLSearchParams(search || "");
    own.forEach((name) => fields.delete(name));
    return written(fields);
  }
  function announce() {
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }
  function go(href) {
    window.history.pushState({}, "", href);
    announce();
    window.scrollTo(0, 0);
  }
  function keep(name, value) {
    const fields = new URLSearchParams(window.location.search);
    if ((fields.get(name) || "") === value) return;
    value ? fields.set(name, value) : fields.delete(name);
    window.history.replaceState({}, "", window.location.pathname + written(fields));
    announce();
  }
  function sessionHref(id) {
    const fields = new URLSearchParams(window.location.search);
    ["sort", "cols", "filters", "only"].forEach((name) => fields.delete(name));
    fields.set("id", id);
    return "/session" + written(fields);
  }

  const components = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  components.SessionLink = function (props) {
    if (!props.data) return null;
    const href = sessionHref(props.data.id);
    return window.React.createElement("a", {
      href: href,
      title: props.value,
      onClick: function (event) {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        event.preventDefault();
        go(href);
      },
    }, props.value);
  };

  components.ShareBar = function (props) {
    if (!props.data || !props.value) return null;
    const element = window.React.createElement;
    const length = Math.min(Math.max(props.data.used || 0, 0), 1) * 100 + "%";
    const filled = element("span", { className: "filled", style: { width: length } });
    return element("div", { className: "share " + props.data.tone },
      element("span", null, props.value),
      element("span", { className: "share-track", "aria-hidden": "true" }, filled));
  };

  window.explorer = { themed, go, sessionHref };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    explorer: {
      state: function (path, search, before) {
        // Links were made before the theme was chosen: it stays, and is in the address.
        const given = new URLSearchParams(search || "").get("theme");
        chosen = given || chosen;
        if (chosen && !given) setTimeout(() => keep("theme", chosen), 0);
        const now = { path: path || "/", search: search || "", shown: shownBy(search) };
        window.explorerCharts.expected(now.path);
        return before && before.path === now.path && before.shown === now.shown ? none() : now;
      },
      current: function () {
        setTimeout(() => {
          const nav = document.getElementById("sidebar"), link = nav && nav.querySelector(".nav-link.active");
          const id = window.location.pathname === "/session" && new URLSearchParams(window.location.search).get("id");
          const shown = id ? id.replace(/\p{C}/gu, " ").slice(0, 60) : link ? link.textContent : "";
          document.title = (shown ? shown + " \u00b7 " : "") + "otel-session-agg";
          if (link) nav.scrollLeft = link.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2;
        }, 0);
      },
      nothing: function () {
        return null;
      },
      tick: function (number) {
        if (!number || document.hidden) return none();
        window.explorerCharts.again();
        return number;
      },
      theme: function (search) {
        const theme = themeOf(search);
        document.body.dataset.agThemeMode = theme;
        window.explorerCharts.recolored();
        return [theme, theme];
      },
      controls: function (submitted, range, by, days, clicks) {
        const one = triggered();
        if (!one || one.value === null || one.value === undefined) return none();
        const fields = new URLSearchParams(window.location.search);
        const control = one.prop_id.split(".")[0];
        if (control === "where") {
          if (!one.value || isCompleting) return none();
        } else if (control === "range") {
          const shown = document.getElementById("range");
          if (range === "given" || (shown && range === shown.dataset.shown && !fields.has("from"))) return none();
          fields.set("from", range);
          fields.delete("to");
        } else if (control === "by") {
          const shown = document.getElementById("by");  // a view chooses when the address says nothing
          if (!by || by === fields.get("by") || (shown && by === shown.dataset.shown)) return none();
          fields.set("by", by);
        } else if (control === "days") {
          const [first, last] = (days || []).map((one) => one && String(one).slice(0, 10));
          if (!first || !last) return none();
          const after = new Date(Date.parse(last + "T00:00Z") + 86400000).toISOString().slice(0, 10);
          fields.set("from", first + "T00:00Z");
          fields.set("to", after + "T00:00Z");
          closeMenus();
        } else {
          if (!clicks) return none();
          fields.set("theme", themeOf(window.location.search) === "dark" ? "light" : "dark");
          return changed(written(fields));
        }
        typed(fields);
        return changed(written(fields));
      },
      complete: function (text, names) {
        const typed = text || "";
        const word = (typed.match(/[A-Za-z_][\w.]*$/) || [""])[0];
        if (!word || !names) return [];
        const low = word.toLowerCase();
        const before = typed.slice(0, typed.length - word.length);
        if ((before.match(/'/g) || []).length % 2) return [];
        return names.filter((name) => name.toLowerCase().includes(low) && name !== word)
          .sort((a, b) => a.toLowerCase().indexOf(low) - b.toLowerCase().indexOf(low))
          .slice(0, 12).map((name) => before + name + " ");
      },
      settled: function (there) {
        return window.explorerCharts.settled().then(() => there);
      },
      gridState: function (request) {
        const sort = ((request && request.sortModel) || []).map((one) => (one.sort === "desc" ? "-" : "") + one.colId).join(",");
        keep("sort", sort === "-cost" ? "" : sort);
        const filters = (request && request.filterModel) || {};
        const text = Object.keys(filters).length ? JSON.stringify(filters) : "";
        keep("filters", text.length <= 1000 ? text : "");  // as long as a value of an address may be
        return none();
      },
      gridColumns: function (shown, columns) {
        keep("cols", ["session", ...shown.filter((name) => name !== "session")].join(","));
        return columns.map((one) => ({ colId: one.field, hide: one.field !== "session" && one.field !== "flag" && !shown.includes(one.field) }));
      },
      gridSelected: function (rows) {
        const number = (rows || []).length;
        return [number ? `Export ${number} selected` : "Export selected", !number];
      },
    },
  });

  // What is shown again by itself, every second or so, keeps the focus and where it was scrolled to.
  let focused = null;
  const places = new Map();
  const isAgain = (one) => one && one.closest && one.closest("#live, #alerts-now");
  const nameOf = (one) => one.id || one.getAttribute("href") || one.getAttribute("aria-label");
  document.addEventListener("focusin", (event) => { focused = isAgain(event.target) ? event.target : null; });
  document.addEventListener("pointerdown", () => { focused = null; });
  document.addEventListener("scroll", (event) => {
    const one = event.target;
    if (isAgain(one)) places.set(nameOf(one), [one.scrollLeft, one.scrollTop]);
  }, true);
  new MutationObserver(function () {
    for (const one of document.querySelectorAll("#live .scroll, #alerts-now .scroll")) {
      if (one.dataset.shown) continue;
      one.dataset.shown = "yes";
      [one.scrollLeft, one.scrollTop] = places.get(nameOf(one)) || [0, 0];
    }
    if (!focused || focused.isConnected || document.activeElement !== document.body) return;
    const name = nameOf(focused);
    const same = [...document.querySelectorAll(`#view ${focused.tagName.toLowerCase()}`)].find((one) => isAgain(one) && nameOf(one) === name);
    focused = null;
    if (same) same.focus({ preventScroll: true });
  }).observe(document.body, { childList: true, subtree: true });

  // Menus close when something else is clicked, and with Escape, which gives the focus back.
  function closeMenus(besides) {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (menu !== besides) menu.open = false;
    });
  }
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));

  document.addEventListener("keydown", function (event) {
    const menu = event.key === "Escape" && event.target.closest && event.target.closest("details.menu[open]");
    if (menu) {
      closeMenus();
      menu.querySelector("summary").focus();
    }
    if (event.key === "Enter" && event.target.classList && event.target.classList.contains("ag-cell")) {
      const link = event.target.querySelector("a[href]");
      if (link) link.click();
    }
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const where = document.getElementById("where");
      if (where) { event.preventDefault(); where.focus(); }
    }
  });
})();
