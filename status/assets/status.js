// The status page works without this. It renews the parts that change every two seconds while somebody looks, less
// often where an answer takes long, and copies SQL. Nothing else.
"use strict";

const EVERY_MS = 2000;
const DONE_MS = 1500;
const REST = 10; // times as long as the last answer took, as a search of a million rules keeps a core busy

let isAsking = false;
let notBefore = 0;

function isSelecting() {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed;
}

// What has the focus in `part`, in a way that finds it in its successor too.
function focusIn(part) {
  const active = document.activeElement;
  if (active === null || !part.contains(active)) return -1;
  return [...part.querySelectorAll("a, button")].indexOf(active);
}

function renew(part, successor) {
  if (part.innerHTML === successor.innerHTML && part.className === successor.className) return;
  const focus = focusIn(part);
  part.className = successor.className;
  part.replaceChildren(...successor.childNodes);
  if (focus >= 0) part.querySelectorAll("a, button")[focus]?.focus({ preventScroll: true });
}

function showSilence(since) {
  const line = document.getElementById("health-line");
  const text = `No answer from Pinhole since ${since.toLocaleTimeString()}`;
  if (line.textContent === text) return;
  line.className = "state bad";
  line.textContent = text;
}

let answeredAt = new Date();

async function refresh() {
  if (isAsking || performance.now() < notBefore || document.hidden || isSelecting()) return;
  if (document.querySelector(".copy.done") !== null) return;
  isAsking = true;
  const askedAt = performance.now();
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!response.ok) throw new Error(response.statusText);
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    if (isSelecting()) return; // since it was asked
    for (const part of document.querySelectorAll("[data-live]")) {
      const successor = next.getElementById(part.id);
      if (successor !== null) renew(part, successor);
    }
    answeredAt = new Date();
  } catch {
    showSilence(answeredAt);
  } finally {
    notBefore = performance.now() + REST * (performance.now() - askedAt);
    isAsking = false;
  }
}

// The Clipboard API is there on https and on localhost alone.
async function copy(code) {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(code.textContent);
    return;
  }
  const selection = document.getSelection();
  selection.selectAllChildren(code);
  const isCopied = document.execCommand("copy");
  selection.removeAllRanges();
  if (!isCopied) throw new Error("not copied");
}

async function onClick(event) {
  const button = event.target.closest("button.copy");
  if (button === null) return;
  const code = button.parentElement.querySelector("code");
  try {
    await copy(code);
    button.textContent = "Copied";
    button.classList.add("done");
    setTimeout(() => {
      button.textContent = "Copy";
      button.classList.remove("done");
    }, DONE_MS);
  } catch {
    document.getSelection().selectAllChildren(code); // for the person to copy
  }
}

document.documentElement.classList.add("scripted");
document.addEventListener("click", onClick);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY_MS);
