// HTML that the server wrote, shown as it is. An update changes only what differs, so that focus, scrolling, what
// somebody typed and what somebody opened stay; what the server itself changed (a value, a tick, an opened part) it
// changes here too. An element with data-keep is left to the browser. Give rows an id or data-key, or the state of one
// may pass to another. An element that comes with data-focus gets the focus, unless somebody is elsewhere in the page:
// what they pressed is often gone with the update, and the focus with it.
//
// Whatever has data-act tells the server when it is clicked, submitted or changed: its data- attributes, with the
// fields of the form it submits ("key[]" is a list by the name of "key") or its value. With data-live an input tells
// while somebody types.
export default {
  template: `<div></div>`,
  props: { html: String },
  mounted() {
    this.$el.innerHTML = this.html;
    remember(this.$el);
    this.$el.addEventListener("click", this.clicked);
    this.$el.addEventListener("submit", this.submitted);
    this.$el.addEventListener("change", this.changed);
    this.$el.addEventListener("input", this.typed);
  },
  unmounted() {
    clearTimeout(this.pause);
  },
  watch: {
    html(html) {
      const wanted = document.createElement("div");
      wanted.innerHTML = html;
      const focused = document.activeElement;
      const isHere = focused === document.body || this.$el.contains(focused);
      const around = focused.closest("[tabindex='-1']");
      const before = new Set(this.$el.querySelectorAll("[data-focus]"));
      morphChildren(this.$el, wanted);
      const come = isHere && [...this.$el.querySelectorAll("[data-focus]")].find((each) => !before.has(each));
      if (come) come.focus();
      else if (focused === document.activeElement) return;
      else if (focused.isConnected) focused.focus({ preventScroll: true });
      else if (this.$el.contains(around)) around.focus({ preventScroll: true });
    },
  },
  methods: {
    clicked(event) {
      const found = event.target.closest("button[data-act], a[data-act]");
      if (!found || found.disabled || (found.type === "submit" && found.form)) return;
      event.preventDefault();
      if (found.getAttribute("aria-disabled") !== "true") this.$emit("act", { ...found.dataset });
    },
    submitted(event) {
      const act = { ...event.target.dataset, ...event.submitter?.dataset };
      if (!act.act) return;
      event.preventDefault();
      this.$emit("act", { ...act, ...fieldsOf(new FormData(event.target, event.submitter)) });
    },
    changed(event) {
      const found = event.target.closest("input[data-act], select[data-act]");
      if (found && !("live" in found.dataset)) this.tell(found);
    },
    typed(event) {
      const found = event.target.closest("input[data-act][data-live]");
      if (!found) return;
      clearTimeout(this.pause);
      this.pause = setTimeout(() => this.tell(found), 200);
    },
    tell(found) {
      this.$emit("act", { ...found.dataset, value: found.value, checked: Boolean(found.checked) });
    },
  },
};

function fieldsOf(data) {
  const fields = {};
  for (const name of new Set(data.keys())) {
    if (name.endsWith("[]")) fields[name.slice(0, -2)] = data.getAll(name);
    else fields[name] = data.get(name);
  }
  return fields;
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "";
}

function isAlike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
}

function morphChildren(shown, wanted) {
  const byKey = new Map();
  for (const child of shown.childNodes) if (keyOf(child)) byKey.set(keyOf(child), child);
  let at = shown.firstChild;
  for (const next of [...wanted.childNodes]) {
    const own = keyOf(next) ? byKey.get(keyOf(next)) : at;
    if (own && isAlike(own, next)) {
      if (own === at) at = at.nextSibling;
      else shown.insertBefore(own, at);
      morph(own, next);
    } else {
      remember(next);
      shown.insertBefore(next, at);
    }
  }
  while (at) {
    const following = at.nextSibling;
    at.remove();
    at = following;
  }
}

function morph(shown, wanted) {
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    if (shown.nodeValue !== wanted.nodeValue) shown.nodeValue = wanted.nodeValue;
    return;
  }
  if (shown.hasAttribute("data-keep")) return;
  for (const { name } of [...shown.attributes]) {
    if (!wanted.hasAttribute(name) && !isOpening(shown, name)) take(shown, name, null);
  }
  for (const { name, value } of [...wanted.attributes]) {
    if (shown.getAttribute(name) !== value && !isOpening(shown, name)) take(shown, name, value);
  }
  if (isOpening(shown, "open") && wanted.open !== served.get(shown)) {
    served.set(shown, wanted.open);
    shown.open = wanted.open;
  }
  morphChildren(shown, wanted);
}

// The attribute is what the server said last, the property what a person made of it: news from the server wins, except
// over a field that somebody is typing in.
function take(shown, name, value) {
  if (value === null) shown.removeAttribute(name);
  else shown.setAttribute(name, value);
  if (name === "value" && shown !== document.activeElement) shown.value = value ?? "";
  if (name === "checked" || name === "selected") shown[name] = value !== null;
}

// Of <details> and <dialog> the attribute says what a person did: what the server said last is remembered here.
const served = new WeakMap();

function isOpening(node, name) {
  return name === "open" && (node.nodeName === "DETAILS" || node.nodeName === "DIALOG");
}

function remember(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  for (const each of [node, ...node.querySelectorAll("details, dialog")]) {
    if (isOpening(each, "open")) served.set(each, each.open);
  }
}
