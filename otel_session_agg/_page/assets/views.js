// What buttons of views do by themselves.
(function () {
  "use strict";
  const place = "otel-session-agg.rule";
  let blank = {};
  function kept() {
    try { return JSON.parse(window.sessionStorage.getItem(place)) || {}; } catch (error) { return {}; }
  }
  function keep(values) {
    try { window.sessionStorage.setItem(place, JSON.stringify(values)); } catch (error) { /* it is not kept */ }
  }
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    views: {
      go: function () {
        const none = window.dash_clientside.no_update;
        const one = window.dash_clientside.callback_context.triggered[0];
        if (!one || !one.value) return none;
        let to;
        try { to = JSON.parse(one.prop_id.slice(0, one.prop_id.lastIndexOf("."))).to; } catch (error) { return none; }
        const theme = new URLSearchParams(window.location.search).get("theme");
        const fields = new URLSearchParams(to);
        if (theme) fields.set("theme", theme);
        const search = "?" + fields.toString();
        return search === window.location.search ? none : search;
      },
      edited: function () {
        const none = window.dash_clientside.no_update;
        const one = window.dash_clientside.callback_context.triggered[0];
        const form = document.getElementById("alerts-form");
        if (!one || !one.value || !form) return none;
        form.scrollIntoView({ block: "center" });
        document.getElementById("alerts-condition").focus({ preventScroll: true });
        return none;
      },
      draft: function () {
        // A rule that is being written is there again after a look at another view, or after a reload.
        const context = window.dash_clientside.callback_context, put = window.dash_clientside.set_props;
        const fields = context.inputs_list.slice(1), changed = context.triggered.map((one) => one.prop_id);
        const set = (values) => fields.forEach((one) => {
          if (Object.hasOwn(values, one.id)) put(one.id, { [one.property]: values[one.id] });
        });
        const now = Object.fromEntries(fields.map((one) => [one.id, one.value === undefined ? (one.property === "data" ? null : "") : one.value]));
        if (!changed.some((one) => one !== ".")) {
          blank = now;
          set(kept());
        } else if (changed.includes("alerts-new.n_clicks") && context.triggered.every((one) => one.value)) {
          set(blank);
          document.getElementById("alerts-form").scrollIntoView({ block: "center" });
          document.getElementById("alerts-name").focus({ preventScroll: true });
        } else if (changed.some((one) => one !== "alerts-new.n_clicks")) {
          keep(now);
        }
        return window.dash_clientside.no_update;
      },
      png: function () {
        const none = window.dash_clientside.no_update;
        const one = window.dash_clientside.callback_context.triggered[0];
        if (!one || !one.value || !window.Plotly) return none;
        let key;
        try { key = JSON.parse(one.prop_id.slice(0, one.prop_id.lastIndexOf("."))).chart; } catch (error) { return none; }
        const place = document.getElementById("chart-" + key);
        const plot = place && place.querySelector(".js-plotly-plot");
        const title = place && place.closest(".panel") && place.closest(".panel").querySelector("h2");
        const name = (title ? title.textContent : "chart").replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "chart";
        if (plot) window.Plotly.downloadImage(plot, { format: "png", scale: 2, width: plot.offsetWidth, height: plot.offsetHeight, filename: name });
        return none;
      },
      field: function () {
        const none = window.dash_clientside.no_update;
        const fields = new URLSearchParams(window.location.search);
        let isChanged = false;
        for (const one of window.dash_clientside.callback_context.triggered) {
          let id;
          try { id = JSON.parse(one.prop_id.slice(0, one.prop_id.lastIndexOf("."))); } catch (error) { continue; }
          const before = fields.has(id.key) ? fields.get(id.key) : id.default;
          const now = one.value === null || one.value === undefined ? "" : String(one.value).trim();
          if (now === before || !id.key) continue;
          now ? fields.set(id.key, now) : fields.delete(id.key);
          if (id.key === "key") { fields.delete("a"); fields.delete("b"); }
          isChanged = true;
        }
        return isChanged ? "?" + fields.toString() : none;
      },
    },
  });
})();
