// What HTML and htmx cannot do alone: modal drawers, the clipboard, toasts, arrow keys. Rules stay on the server.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (events, handler) => events.split(" ").forEach((event) => document.addEventListener(event, handler, true));
  const stop = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };

  // Drawers. The opener gets the focus back; an item of a menu that hides hands over to the menu's button.
  const drawer = () => find("#drawer [data-drawer]");
  let opener, focusWasInside;
  const remember = (element) => {
    const menu = element.closest("[popover]");
    opener = menu ? find(`[popovertarget="${menu.id}"]`) : element;
    menu?.hidePopover();
  };
  const fingerprint = (form) => new URLSearchParams(new FormData(form)).toString();
  const changed = (form) => form?.dataset.first !== undefined && form.dataset.first !== fingerprint(form);
  const watch = (form) => {
    form.dataset.first ??= fingerprint(form);
    if (!form.matches("[data-apply-when-changed]")) return;
    const ready = changed(form) && form.checkValidity();
    find("[data-apply]", form)[ready ? "removeAttribute" : "setAttribute"]("aria-disabled", "true");
  };
  const open = (dialog) => {
    if (!dialog.open) dialog.showModal();
    all("form", dialog).forEach(watch);
    const first = ["[role=alert][tabindex]:not([hidden])", "[data-look]", "[aria-invalid=true]", ".drawer-body :is(input:not([type=radio]:not(:checked)), select, textarea):not([readonly])", "h1"];
    find(first.find((selector) => find(selector, dialog)), dialog).focus();
  };
  on("close", ({ target }) => {
    if (!target.matches("[data-drawer]")) return;
    target.remove();
    (opener?.isConnected ? opener : find("#main")).focus({ preventScroll: true });
  });
  const busy = (dialog) => find("form.htmx-request", dialog);  // applied, and the answer is on its way: it closes the drawer
  on("cancel", (event) => {
    if (event.target.matches("[data-drawer]") && busy(event.target)) return event.preventDefault();
    const question = event.target.matches("[data-drawer]") && find("[data-discard][hidden]", event.target);
    if (question && changed(find("form", event.target))) { event.preventDefault(); question.hidden = false; }
  });
  on("input change", ({ target }) => { if (target.form?.dataset.first !== undefined) watch(target.form); });

  // Toasts stay ten seconds, longer while they are read. A modal makes their region inert: in an open drawer an error stands
  // in the drawer, and everything else waits until it closes.
  const toast = (detail) => {
    const { text, level = "info", href } = detail, dialog = drawer();
    if (dialog?.open && level === "error") {
      const box = find("[data-failure]", dialog);
      box.hidden = false;
      box.lastElementChild.textContent = text;
      return box.focus();
    }
    if (dialog?.open) return dialog.addEventListener("close", () => toast(detail), { once: true });
    const box = find("#toast-template").content.firstElementChild.cloneNode(true);
    const link = href && Object.assign(document.createElement("a"), { href });
    box.dataset.level = level;
    if (link) find("[data-text]", box).append(link);
    (link || find("[data-text]", box)).textContent = text;
    let timer;
    const leave = () => { clearTimeout(timer); timer = setTimeout(() => box.remove(), 10000); };
    for (const event of ["mouseenter", "focusin"]) box.addEventListener(event, () => clearTimeout(timer));
    for (const event of ["mouseleave", "focusout"]) box.addEventListener(event, leave);
    setTimeout(() => { find("#toasts").append(box); leave(); });
  };

  // The link comes by POST (it may be renewed, and the copy is logged); without a clipboard the page that shows it opens.
  const copied = (button, announcement) => {
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 2000);
    toast({ text: announcement, level: "success" });
  };
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
    if (button.getAttribute("aria-disabled") === "true") {
      stop(event);
      const reason = document.getElementById(button.getAttribute("aria-describedby"));
      if (button.closest("dialog, .drawer")) reason?.focus();
      else if (!button.closest(".menu") && (reason || button.title)) toast({ text: reason?.textContent ?? button.title });
    } else if (button.matches("[data-close]") && drawer()) { stop(event); if (!busy(drawer())) drawer().close(); }
    else if (button.matches("[data-copy-url]")) { stop(event); copyFrom(button); }
    else if (button.matches("[data-copy]")) navigator.clipboard?.writeText(button.dataset.copy).then(() => copied(button, button.dataset.announce));
    else if (button.matches("[data-dismiss]")) button.closest(".toast").remove();
    else if (button.matches("[data-clear-selection]")) {
      all("[data-elsewhere], #selection [name=all]").forEach((input) => input.remove());
      const whole = find("[data-select-all]");
      if (!whole) return find("#rows").requestSubmit();
      whole.checked = true;
      whole.click();
      whole.focus();
    }
    else if (button.getAttribute("hx-target") === "#drawer") remember(button);
    else if (button.matches(".menu-item")) setTimeout(() => button.closest("[popover]")?.hidePopover());
  });
  // The box above the rows says all, some or none; a box that is unticked ends "all that match".
  const boxes = () => all("tbody input[name=id]");
  const tally = () => {
    const whole = find("[data-select-all]"), picked = boxes().filter((box) => box.checked).length;
    if (!whole) return;
    whole.checked = picked > 0 && picked === boxes().length;
    whole.indeterminate = picked > 0 && !whole.checked;
  };
  on("change", ({ target }) => {
    if (!target.matches("[data-select-all], tbody input[name=id]")) return;
    find("#selection [name=all]")?.remove();
    if (target.matches("[data-select-all]")) boxes().forEach((box) => { box.checked = target.checked; });
    tally();
  });
  on("toggle", ({ target, newState }) => { if (newState === "open" && target.matches(".menu")) find(".menu-item", target)?.focus(); });
  on("keydown", (event) => {
    const menu = event.target.closest(".menu");
    if (menu && ["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) {
      const items = all(".menu-item", menu);
      const here = items.indexOf(document.activeElement);
      const next = { ArrowDown: here + 1, ArrowUp: here - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
      event.preventDefault();
      items[next % items.length].focus();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();  // with the focus on Cancel, the drawer would close before the answer comes
      find("[data-apply]", drawer() ?? document)?.click();
    } else if (find("[data-shortcuts]") && !event.target.closest("input:not([type=checkbox]), textarea, select, dialog")) {
      const meant = { "/": find("input[type=search]"), "?": find("#shortcuts") }[event.key];
      if (!meant) return;
      event.preventDefault();
      meant.popover ? meant.togglePopover() : meant.focus();
    }
  });

  // The one place that listens to htmx and to the events of its answers.
  const polls = (detail) => detail.elt.matches("[data-poll]");
  on("htmx:beforeRequest", (event) => { if (document.hidden && polls(event.detail)) event.preventDefault(); });
  on("htmx:beforeSwap", ({ detail }) => { focusWasInside = !drawer() && detail.target.contains(document.activeElement); });
  on("htmx:afterSettle", ({ detail }) => {
    tally();
    if (drawer() && (detail.target.id === "drawer" || detail.target === drawer())) open(drawer());
    else if (focusWasInside && document.activeElement === document.body) find("#main").focus({ preventScroll: true });
  });
  on("htmx:oobBeforeSwap", ({ detail }) => {  // a checkbox pressed while the answer was on its way
    const [box, twin] = [detail.target, detail.fragment].map((root) => find("input[name=id]", root));
    if (box && twin) twin.checked = box.checked;
  });
  on("htmx:responseError htmx:sendError", ({ detail }) => { if (!polls(detail) && !detail.xhr.getResponseHeader("HX-Trigger")) toast({ text: find("#toasts").dataset.failure, level: "error" }); });
  on("toast", ({ detail }) => toast(detail));
  on("organizations-changed", () => drawer()?.close());

  all("form[data-apply-when-changed]").forEach(watch);
  tally();
})();
