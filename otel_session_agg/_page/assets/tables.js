// Tables: each is an element with `data-table`, the components of which it is made, and is built of them here.
//
// Dash asks each of its components after every change whether it is meant: for a hundred rows that took seconds.
(function () {
  "use strict";
  const TAGS = { Caption: "caption", Div: "div", Link: "a", Span: "span", Table: "table", Tbody: "tbody", Td: "td", Tfoot: "tfoot", Th: "th", Thead: "thead", Tr: "tr" };
  const ATTRIBUTES = { className: "class", title: "title", href: "href", scope: "scope", "aria-hidden": "aria-hidden", "aria-sort": "aria-sort" };
  const built = new WeakMap();

  function isHere(href) {
    return typeof href === "string" && /^\/(?![/\\])/.test(href);
  }

  // What is there already stays, so that the focus and a selection do.
  function fill(element, props) {
    for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
      const value = name !== "href" || isHere(props[name]) ? props[name] : null;
      if (value) element.setAttribute(attribute, value);
      else element.removeAttribute(attribute);
    }
    Object.assign(element.style, props.style || {});
    const parts = [].concat(props.children === undefined ? [] : props.children).filter((one) => one !== null && one !== "");
    parts.forEach((one, at) => {
      const tag = TAGS[one.type] || "span", there = element.childNodes[at];
      const isText = typeof one !== "object";
      let shown = there;
      if (!there || there.nodeName.toLowerCase() !== (isText ? "#text" : tag)) {
        shown = isText ? document.createTextNode("") : document.createElement(tag);
        there ? there.replaceWith(shown) : element.append(shown);
      }
      if (!isText) fill(shown, one.props);
      else if (shown.data !== String(one)) shown.data = String(one);
    });
    while (element.childNodes.length > parts.length) element.lastChild.remove();
  }

  function look() {
    for (const place of document.querySelectorAll("[data-table]")) {
      const given = place.dataset.table;
      if (built.get(place) === given) continue;
      built.set(place, given);
      fill(place, { className: place.className, title: place.title, children: JSON.parse(given) });
    }
  }
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["data-table"] });

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("[data-table] a[href]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    window.explorer.go(link.getAttribute("href"));
  });
})();
