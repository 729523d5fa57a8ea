// What HTML and htmx cannot do alone: modal drawers, the clipboard, toasts, arrow keys. No state of its own.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (event, handler, capture) => document.addEventListener(event, handler, capture);
  const toasts = () => find("#toasts");
  let opener, focusWasLost;

  // Drawers. The opener gets the focus back; an item of a menu that hid hands over to the menu's button.
  const drawer = () => find("#drawer [data-drawer]");
  const remember = (element) => {
    const menu = element.closest("[popover]");
    opener = menu ? find(`[popovertarget="${menu.id}"]`) : element;
    menu?.hidePopover();
  };
  const fingerprint = (form) => new URLSearchParams(new FormData(form)).toString();
  const changed = (form) => form && form.dataset.first !== undefined && form.dataset.first !== fingerprint(form);
  const watch = (form) => {
    form.dataset.first ??= fingerprint(form);
    const apply = find("[data-apply]", form);
    if (form.matches("[data-apply-when-changed]") && apply)
      changed(form) && form.checkValidity() ? apply.removeAttribute("aria-disabled") : apply.setAttribute("aria-disabled", "true");
  };
  const open = (dialog) => {
    all("form", dialog).forEach(watch);
    if (!dialog.open) {
      dialog.showModal();
      dialog.addEventListener("close", () => {
        dialog.remove();
        (opener?.isConnected ? opener : find("#main")).focus({ preventScroll: true });
      });
      dialog.addEventListener("cancel", (event) => {
        const question = find("[data-discard]", dialog);
        if (!question?.hidden || !changed(find("form", dialog))) return;
        event.preventDefault();
        question.hidden = false;
      });
    }
    const first = ["[role=alert][tabindex]", "[aria-invalid=true]", ".drawer-body :is(input, select, textarea):not([readonly])", "h1"].find((selector) => find(selector, dialog));
    find(first, dialog).focus();
  };

  // Toasts stay ten seconds, longer while they are read.
  const toast = ({ text, level = "info", href }) => {
    const box = find("#toast-template").content.firstElementChild.cloneNode(true);
    box.dataset.level = level;
    const words = find("[data-text]", box);
    const link = href && Object.assign(document.createElement("a"), { href });
    (link ? words.appendChild(link) : words).textContent = text;
    let timer;
    const leave = () => { timer = setTimeout(() => box.remove(), 10000); };
    for (const event of ["mouseenter", "focusin"]) box.addEventListener(event, () => clearTimeout(timer));
    for (const event of ["mouseleave", "focusout"]) box.addEventListener(event, leave);
    setTimeout(() => { toasts().append(box); leave(); });  // after a modal has closed: until then the region is inert
  };

  const copied = (button, announcement) => {
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 2000);
    toast({ text: announcement, level: "success" });
  };
  // The link comes by POST (it may be renewed, and the copy is logged); without a clipboard the page that shows it opens.
  const copyFrom = async (button) => {
    try {
      const answer = fetch(button.formAction, { method: "POST", body: new FormData(button.form), headers: { Accept: "application/json" } })
        .then((response) => (response.ok ? response.json() : Promise.reject(response.status)));
      const text = answer.then((data) => new Blob([data.text], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
      copied(button, (await answer).announcement);
    } catch { button.form.requestSubmit(button); }
  };

  on("click", (event) => {
    const button = event.target.closest("a, button");
    if (!button) return;
    const stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (button.getAttribute("aria-disabled") === "true") {
      stop();
      document.getElementById(button.getAttribute("aria-describedby"))?.focus();
    } else if (button.matches("[data-close]") && drawer()) { stop(); drawer().close(); }
    else if (button.matches("[data-dismiss]")) button.closest(".toast").remove();
    else if (button.matches("[data-copy-url]")) { stop(); copyFrom(button); }
    else if (button.matches("[data-copy]")) navigator.clipboard?.writeText(button.dataset.copy).then(() => copied(button, button.dataset.announce));
    else if (button.matches("[data-clear-selection]")) { find("[data-select-all]").checked = true; find("[data-select-all]").click(); find("[data-select-all]").focus(); }
    else if (button.getAttribute("hx-target") === "#drawer") remember(button);
  }, true);

  on("change", ({ target }) => {
    const table = target.closest("table");
    const whole = table && find("[data-select-all]", table);
    if (!whole || target.type !== "checkbox") return;
    const boxes = all("tbody input[name=id]", table);
    if (target === whole) boxes.forEach((box) => { box.checked = whole.checked; });
    const picked = boxes.filter((box) => box.checked).length;
    whole.checked = picked > 0 && picked === boxes.length;
    whole.indeterminate = picked > 0 && picked < boxes.length;
  }, true);
  for (const event of ["input", "change"]) on(event, ({ target }) => { if (target.form?.dataset.first !== undefined) watch(target.form); });

  on("keydown", (event) => {
    const menu = event.target.closest(".menu");
    if (menu && ["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) {
      const items = all(".menu-item", menu);
      const here = items.indexOf(document.activeElement);
      const next = { ArrowDown: here + 1, ArrowUp: here - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
      event.preventDefault();
      items[next % items.length]?.focus();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      find("[data-apply]", event.target.closest("form") ?? drawer() ?? document)?.click();
    } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      const search = find("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
  on("toggle", ({ target, newState }) => { if (newState === "open" && target.matches(".menu")) find(".menu-item", target)?.focus(); }, true);

  // The one place that listens to htmx.
  on("htmx:beforeRequest", (event) => { if (document.hidden && event.detail.elt.matches("[data-poll]")) event.preventDefault(); });
  on("htmx:beforeSwap", ({ detail }) => { focusWasLost = detail.target.contains(document.activeElement) && !detail.target.contains(drawer()); });
  on("htmx:afterSettle", ({ detail }) => {
    if (drawer() && (detail.target.id === "drawer" || detail.target === drawer())) open(drawer());
    else if (focusWasLost && document.activeElement === document.body) find("#main").focus({ preventScroll: true });
  });
  for (const event of ["htmx:responseError", "htmx:sendError"])
    on(event, ({ detail }) => { if (!detail.elt.matches("[data-poll]")) toast({ text: toasts().dataset.failure, level: "error" }); });
  on("toast", ({ detail }) => toast(detail));
  on("organizations-changed", () => drawer()?.close());

  all("form[data-apply-when-changed]").forEach(watch);
})();
