// The pages "Month coverage" and one month's, for Airflow's UI, which provides React, its router and Chakra.
// Everything that comes from a file or a ledger is rendered as a text node, never as markup.

const { createElement: h, Fragment, memo, useCallback, useEffect, useId, useMemo, useRef, useState } = globalThis.React;
const { Link: RouterLink, useSearchParams } = globalThis.ReactRouterDOM;
const { Alert, Badge, Box, Button, Flex, Heading, Link, Spinner, Text } = globalThis.ChakraUI;

const ROUTE = "/plugin/month-coverage";
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December"];
const COLOURS = {
  none: "bg-emphasized", unpublished: "transparent", waiting: "deferred-solid", loading: "running-solid",
  loaded: "success-solid", republished: "teal-solid", rejects: "up_for_retry-solid", stale: "stone-solid",
  failed: "failed-solid",
};
const SIGNS = { waiting: "…", loading: "▸", republished: "↻", rejects: "!", stale: "~", failed: "×" };
const AGAIN = {
  none: "Months without a run",
  failed: "Months without a run, or whose run failed",
  completed: "All months, also loaded ones",
};

const STYLE = `
.nyc-grids { display: grid; align-items: start; gap: 1.5rem 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.nyc-grid { border-collapse: separate; border-spacing: 2px; width: 100%; table-layout: fixed; font-size: 0.75rem; }
.nyc-grid caption { text-align: start; font-weight: 600; font-size: 0.875rem; padding-bottom: 0.25rem; }
.nyc-grid th { font-weight: 400; color: var(--chakra-colors-fg-muted); }
.nyc-grid th[scope=row] { width: 2.75rem; text-align: start; font-variant-numeric: tabular-nums; }
.nyc-grid td { padding: 0; height: 1.25rem; }
.nyc-cell { display: flex; align-items: center; justify-content: center; position: relative; width: 100%; height: 1.25rem; border-radius: 3px; cursor: pointer;
  border: 1px solid transparent; color: white; font-size: 0.75rem; line-height: 1; font-weight: 700; text-align: center; }
.nyc-cell[data-state=unpublished] { border-color: var(--chakra-colors-border-emphasized); border-style: dashed; }
.nyc-cell[data-state=none], .nyc-cell[data-state=unpublished] { color: var(--chakra-colors-fg-muted); }
.nyc-cell:focus-visible { outline: 2px solid var(--chakra-colors-fg); outline-offset: 1px; z-index: 1; }
.nyc-cell[aria-pressed=true] { box-shadow: 0 0 0 2px var(--chakra-colors-fg); z-index: 1; }
.nyc-cell[data-warned=true]::after { content: ""; position: absolute; top: 1px; right: 1px; width: 5px; height: 5px;
  border-radius: 50%; background: white; outline: 1px solid rgb(0 0 0 / 60%); }
.nyc-sample { width: 1.5rem; flex: none; cursor: default; }
.nyc-facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.125rem 0.75rem; font-size: 0.8125rem; }
.nyc-facts dt { color: var(--chakra-colors-fg-muted); }
.nyc-facts dd { overflow-wrap: anywhere; margin: 0; }
.nyc-tip { position: fixed; z-index: 1500; max-width: 24rem; pointer-events: none; padding: 0.5rem 0.75rem; border-radius: 6px;
  background: var(--chakra-colors-bg-panel); border: 1px solid var(--chakra-colors-border-emphasized); box-shadow: 0 4px 16px rgb(0 0 0 / 25%); }
.nyc-scroll { overflow-x: auto; }
.nyc-table { width: 100%; border-collapse: collapse; font-size: 0.8125rem; }
.nyc-table th, .nyc-table td { text-align: start; padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top;
  border-bottom: 1px solid var(--chakra-colors-border); overflow-wrap: break-word; }
.nyc-table th { color: var(--chakra-colors-fg-muted); font-weight: 500; white-space: nowrap; }
.nyc-number { text-align: end !important; font-variant-numeric: tabular-nums; white-space: nowrap; }
.nyc-line { font-family: monospace; white-space: pre-wrap; overflow-wrap: anywhere !important; }
.nyc-field { border: 1px solid var(--chakra-colors-border-emphasized); border-radius: 4px; background: var(--chakra-colors-bg);
  padding: 0.25rem 0.5rem; font-size: 0.875rem; }
`;

const api = async (path, body) => {
  const url = new URL(path, document.baseURI);
  const answer = await fetch(url, {
    credentials: "same-origin",
    ...(body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  let content = null;
  try {
    content = JSON.parse(text);
  } catch {
    // Not JSON: a proxy's page, for example.
  }
  if (answer.ok && content !== null) return content;
  throw Object.assign(new Error(sentence(answer.status, content)), { status: answer.status });
};

const sentence = (status, content) => {
  const detail = content && content.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((one) => one.msg || JSON.stringify(one)).join("; ");
  if (status === 401) return "You are no longer logged in. Reload the page to log in again.";
  if (status === 403) return "Your role may not do this. Ask an administrator of Airflow.";
  return `Airflow's web server answered with status ${status}. Its log has the reason.`;
};

const number = (value) => (value === null || value === undefined ? "" : value.toLocaleString());
const plural = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;
const bytes = (value) => {
  if (value === null || value === undefined) return "";
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (value >= 1000 && unit < 3) {
    value /= 1000;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
};
const seconds = (value) => (value === null || value === undefined ? "" : `${value.toFixed(value < 10 ? 1 : 0)} s`);
const moment = (text) => (text ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC` : "");
const plus = (month, count) => {
  const total = Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1 + count;
  return `${Math.floor(total / 12)}-${String((total % 12) + 1).padStart(2, "0")}`;
};
const between = (first, last) => {
  const found = [];
  for (let month = first; month <= last; month = plus(month, 1)) found.push(month);
  return found;
};
const inRange = (range, month) => Boolean(range) && range[0] <= month && month <= range[1];
const named = (range) => (range[0] === range[1] ? range[0] : `${range[0]} to ${range[1]}`);
const colour = (state) => {
  const token = COLOURS[state];
  return token === "transparent" ? token : `var(--chakra-colors-${token})`;
};
const monthPage = (dagId, month) => `${ROUTE}?dag=${encodeURIComponent(dagId)}&month=${month}`;
const runPage = (run) => `/dags/${encodeURIComponent(run[0])}/runs/${encodeURIComponent(run[1])}`;

const To = ({ to, children }) => h(Link, { asChild: true, color: "fg.info" }, h(RouterLink, { to }, children));
const Out = ({ href, children }) =>
  h(Link, { color: "fg.info", href: new URL(href, document.baseURI).href, target: "_blank", rel: "noopener noreferrer" }, children);
const Source = ({ url }) => (/^https?:\/\//.test(url || "") ? h(Out, { href: url }, url) : url || "");
const Note = ({ status, title, children }) =>
  h(Alert.Root, { status, mb: 3, role: status === "error" ? "alert" : "status" }, h(Alert.Indicator, null),
    h(Box, null, title && h(Alert.Title, null, title), children && h(Alert.Description, null, children)));
const Facts = ({ facts }) =>
  h("dl", { className: "nyc-facts" },
    facts.filter(([, value]) => value !== "" && value !== null && value !== undefined)
      .map(([name, value]) => h(Fragment, { key: name }, h("dt", null, name), h("dd", null, value))));

const stateOf = (data, grid, month) => {
  const known = grid.months[month];
  if (known && known.state !== "none") return known.state;
  return month > data.due ? "unpublished" : "none";
};
const told = (data, grid, month) => {
  const one = grid.months[month] || {};
  const state = stateOf(data, grid, month);
  const marks = [];
  if (one.rows !== undefined) marks.push(plural(one.rows, "row"));
  if (one.rejects) marks.push(`${number(one.rejects)} rejected`);
  if (one.warnings && one.warnings.length) marks.push(plural(one.warnings.length, "quality warning"));
  return `${month}: ${[data.states[state], ...marks].join(", ")}`;
};
const factsOf = (data, grid, month) => {
  const one = grid.months[month] || {};
  return [
    ["State", data.states[stateOf(data, grid, month)]],
    ["Reason", one.outcome === "published" ? "" : one.reason],
    ["Unloaded", one.outcome === "unloaded" ? "A user removed its rows" : ""],
    ["Rows", number(one.rows)],
    ["Rejected rows", one.rejects ? number(one.rejects) : ""],
    ["File", bytes(one.bytes)],
    ["SHA-256", one.sha256 ? one.sha256.slice(0, 12) : ""],
    ["Loaded", moment(one.finished)],
    ["Duration", seconds(one.seconds)],
    ["Quality warnings", (one.warnings || []).join(", ")],
    ["Marts", one.marts],
    ["Attempt", one.attempt === undefined ? "" : String(one.attempt)],
    ["Run", one.run ? `${one.run[1]} (${one.run[2]})` : ""],
  ];
};

const Cell = ({ data, grid, month, pressed, tab, ...rest }) => {
  const state = stateOf(data, grid, month);
  const one = grid.months[month] || {};
  return h("button", {
    type: "button", className: "nyc-cell", "data-state": state, "data-month": month, "aria-label": told(data, grid, month),
    "aria-pressed": pressed, tabIndex: tab, style: { background: colour(state) },
    "data-warned": Boolean((one.warnings && one.warnings.length) || (one.rejects && state !== "rejects")), ...rest,
  }, SIGNS[state] || "");
};

// One dataset in one warehouse: a row per year, and one stop of the Tab key.
const Grid = memo(({ data, grid, title, range, onSelect, onShow }) => {
  const [focus, setFocus] = useState(null);
  const table = useRef(null);
  const first = grid.first;
  const last = data.last;
  const years = [];
  for (let year = Number(last.slice(0, 4)); year >= Number(first.slice(0, 4)); year -= 1) years.push(year);
  const stop = focus || (range ? range[1] : last);
  const move = (event, month, steps) => {
    event.preventDefault();
    const wanted = plus(month, steps);
    const next = wanted < first ? first : wanted > last ? last : wanted;
    setFocus(next);
    table.current.querySelector(`[data-month="${next}"]`).focus();
    if (event.shiftKey) onSelect(grid.dag_id, next, true);
  };
  const onKeyDown = (event) => {
    const month = event.target.dataset.month;
    if (!month) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 12, ArrowDown: -12, Home: 1 - Number(month.slice(5)),
      End: 12 - Number(month.slice(5)) }[event.key];
    if (steps !== undefined) move(event, month, steps);
    if (event.key === "Escape") onSelect(null);
  };
  const show = (event) => onShow(grid.dag_id, event.target.dataset.month, event.target);
  return h("table", { className: "nyc-grid", ref: table, onKeyDown, onMouseLeave: () => onShow(null), "data-dag": grid.dag_id },
    h("caption", null, title),
    h("thead", null, h("tr", null, h("th", { scope: "row" }, h("span", { className: "chakra-visually-hidden", style: HIDDEN }, "Year")),
      MONTHS.map((name) => h("th", { key: name, scope: "col", abbr: name, title: name, "aria-label": name }, name[0])))),
    h("tbody", null, years.map((year) => h("tr", { key: year }, h("th", { scope: "row" }, year),
      MONTHS.map((name, index) => {
        const month = `${year}-${String(index + 1).padStart(2, "0")}`;
        if (month < first || month > last) return h("td", { key: name });
        return h("td", { key: name }, h(Cell, {
          data, grid, month, pressed: inRange(range, month), tab: month === stop ? 0 : -1,
          onClick: (event) => {
            setFocus(month);
            onSelect(grid.dag_id, month, event.shiftKey);
          },
          onFocus: show, onMouseEnter: show, onBlur: () => onShow(null),
        }));
      })))));
});
const HIDDEN = { position: "absolute", width: 1, height: 1, overflow: "hidden", clip: "rect(0 0 0 0)" };

const Tip = ({ data, shown }) => {
  if (!shown) return null;
  const grid = data.grids.find((one) => one.dag_id === shown.dagId);
  if (!grid) return null;
  const below = shown.rect.bottom + 240 < globalThis.innerHeight;
  const left = Math.max(8, Math.min(shown.rect.left, globalThis.innerWidth - 400));
  const where = below ? { top: shown.rect.bottom + 8 } : { bottom: globalThis.innerHeight - shown.rect.top + 8 };
  return h("div", { className: "nyc-tip", role: "tooltip", style: { left, ...where } },
    h(Text, { fontWeight: "bold", fontSize: "sm", mb: 1 }, `${grid.title}, ${MONTHS[Number(shown.month.slice(5)) - 1]} ${shown.month.slice(0, 4)}`),
    h(Facts, { facts: factsOf(data, grid, shown.month) }));
};

const Legend = ({ states }) =>
  h(Flex, { as: "ul", "aria-label": "Legend", wrap: "wrap", columnGap: 5, rowGap: 2, mb: 5, listStyleType: "none", fontSize: "sm" },
    Object.keys(COLOURS).map((state) => h(Flex, { as: "li", key: state, gap: 2, align: "center" },
      h("span", { className: "nyc-cell nyc-sample", "data-state": state, "aria-hidden": true, style: { background: colour(state), width: "1.5rem" } }, SIGNS[state] || ""),
      states[state])),
    h(Flex, { as: "li", gap: 2, align: "center" },
      h("span", { className: "nyc-cell nyc-sample", "data-warned": true, "aria-hidden": true, style: { background: colour("loaded"), width: "1.5rem" } }),
      "With quality warnings or rejected rows"));

// What is selected: the facts of one month, and a backfill of all of them.
const Selection = ({ data, selected, onClose, onCreated }) => {
  const grid = data.grids.find((one) => one.dag_id === selected.dagId);
  const target = data.targets.find((one) => one.name === grid.target);
  const [first, last] = selected.range;
  const single = first === last ? grid.months[first] || {} : null;
  return h(Box, { as: "section", "aria-label": "Selected months", borderWidth: 1, borderRadius: "md", bg: "bg.panel", p: 4, mt: 6,
    boxShadow: "md", position: "sticky", bottom: 0, zIndex: "docked", maxH: "50vh", overflowY: "auto" },
    h(Flex, { justify: "space-between", gap: 4, wrap: "wrap", mb: 3 },
      h(Heading, { as: "h2", size: "sm", role: "status" }, `${grid.title} in ${target.title}: ${named(selected.range)}`),
      h(Button, { size: "xs", variant: "outline", onClick: onClose }, "Clear selection")),
    h(Flex, { gap: 8, wrap: "wrap", align: "flex-start" },
      single && h(Box, { flex: "1 1 18rem", minW: 0 },
        h(Facts, { facts: factsOf(data, grid, first) }),
        h(Flex, { gap: 4, mt: 3, wrap: "wrap", fontSize: "sm" },
          h(To, { to: monthPage(grid.dag_id, first) }, "Open the month"),
          single.run && h(To, { to: runPage(single.run) }, "Run"),
          /^https?:\/\//.test(single.url || "") && h(Out, { href: single.url }, "Source file"),
          h(Out, { href: target.docs }, "Documentation of the marts"))),
      h(Box, { flex: "1 1 20rem", minW: 0 },
        h(Backfill, { key: `${grid.dag_id} ${first} ${last}`, grid, first, last, onCreated }))));
};

const Backfill = ({ grid, first, last, onCreated }) => {
  const [behaviour, setBehaviour] = useState("failed");
  const [atOnce, setAtOnce] = useState(2);
  const [preview, setPreview] = useState(null);
  const [working, setWorking] = useState(false);
  const [error, setError] = useState("");
  const [created, setCreated] = useState(false);
  const id = useId();
  if (grid.paused === null || grid.paused === undefined)
    return h(Text, { fontSize: "sm" }, `Airflow has no DAG ${grid.dag_id}. Check that the dag-processor runs and has no import errors.`);
  if (!grid.may_run) return h(Text, { fontSize: "sm", color: "fg.muted" }, "Your role may see the months, but not start a backfill.");
  const request = { dag_id: grid.dag_id, from_date: `${first}-01T00:00:00Z`, to_date: `${last}-01T00:00:00Z`, run_backwards: false,
    dag_run_conf: {}, reprocess_behavior: behaviour, max_active_runs: Math.max(1, Math.min(50, Number(atOnce) || 1)) };
  const attempt = (work) => async () => {
    setWorking(true);
    setError("");
    try {
      await work();
    } catch (problem) {
      setError(problem.message);
    }
    setWorking(false);
  };
  const look = attempt(async () => {
    const answer = await api("api/v2/backfills/dry_run", request);
    setPreview(answer.backfills.map((one) => (one.logical_date || one.partition_date || "").slice(0, 7)).sort());
  });
  const create = attempt(async () => {
    await api("api/v2/backfills", request);
    setCreated(true);
    onCreated();
  });
  const change = (set) => (event) => {
    set(event.target.value);
    setPreview(null);
  };
  if (created)
    return h(Box, { fontSize: "sm", role: "status" }, `The backfill of ${plural(preview.length, "month")} was created. `,
      h(To, { to: `/dags/${encodeURIComponent(grid.dag_id)}/backfills` }, "Backfills of the DAG"));
  return h(Box, { as: "form", onSubmit: (event) => event.preventDefault(), "aria-label": "Backfill" },
    grid.paused && h(Note, { status: "warning" }, `The DAG ${grid.dag_id} is paused. Its runs start when you unpause it: `,
      h(To, { to: `/dags/${encodeURIComponent(grid.dag_id)}` }, "open the DAG"), "."),
    h(Flex, { gap: 3, wrap: "wrap", align: "flex-end", mb: 3 },
      h(Box, null, h("label", { htmlFor: `${id}-which` }, h(Text, { fontSize: "xs", color: "fg.muted" }, "Load")),
        h("select", { id: `${id}-which`, className: "nyc-field", value: behaviour, onChange: change(setBehaviour) },
          Object.entries(AGAIN).map(([value, label]) => h("option", { key: value, value }, label)))),
      h(Box, null, h("label", { htmlFor: `${id}-most` }, h(Text, { fontSize: "xs", color: "fg.muted" }, "Runs at once")),
        h("input", { id: `${id}-most`, className: "nyc-field", type: "number", min: 1, max: 50, style: { width: "5rem" }, value: atOnce, onChange: change(setAtOnce) })),
      h(Button, { size: "sm", variant: "outline", onClick: look, disabled: working }, "Preview backfill")),
    h(Box, { "aria-live": "polite", fontSize: "sm" },
      error && h(Note, { status: "error" }, error),
      preview && (preview.length
        ? h(Fragment, null, h(Text, { mb: 2 }, `${plural(preview.length, "run")}: ${preview.join(", ")}`),
          h(Button, { size: "sm", colorPalette: "brand", onClick: create, disabled: working }, `Load ${plural(preview.length, "month")}`))
        : h(Text, null, "No month in this range needs a run. Choose other months, or what to load."))));
};

// The newest answer of the endpoint, asked again: soon while something is on its way, else now and then.
const useMonths = () => {
  const [data, setData] = useState(null);
  const [error, setError] = useState("");
  const [round, setRound] = useState(0);
  const hurry = useRef(0);
  useEffect(() => {
    let timer = 0;
    let ended = false;
    const unread = (found) => found.targets.some((one) => !one.answered && !one.why);
    // A month may wait for its file for weeks; only what is being loaded changes soon.
    const busy = (found) => found.grids.some((grid) => Object.values(grid.months).some((one) => one.state === "loading"));
    const look = async () => {
      let wait = 30000;
      if (!document.hidden) {
        try {
          const found = await api("nyc-taxi/coverage");
          if (ended) return;
          setData(found);
          setError("");
          if (unread(found)) wait = 1000;
          else if (Date.now() < hurry.current) wait = 2000;
          else if (busy(found)) wait = 5000;
        } catch (problem) {
          if (ended) return;
          setError(problem.message);
          wait = problem.status ? 30000 : 5000;
        }
      }
      timer = setTimeout(look, wait);
    };
    look();
    const visible = () => {
      if (!document.hidden) {
        clearTimeout(timer);
        look();
      }
    };
    document.addEventListener("visibilitychange", visible);
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", visible);
    };
  }, [round]);
  const again = useCallback(() => {
    hurry.current = Date.now() + 120000;
    setRound((count) => count + 1);
  }, []);
  return { data, error, again };
};

const Warehouses = ({ targets }) => targets.map((one) => {
  if (one.why)
    return h(Note, { key: one.name, status: "warning", title: `${one.title} does not answer` },
      `${one.why} ${one.answered ? `The months are shown as of ${moment(one.at)}.` : "Until it does, the months are shown as Airflow's runs left them, without rows and checks."}`);
  return one.answered ? null : h(Text, { key: one.name, color: "fg.muted", fontSize: "sm", mb: 2, role: "status" }, `Reading the ledger of ${one.title}…`);
});

const Coverage = () => {
  const { data, error, again } = useMonths();
  const [selected, setSelected] = useState(null);
  const [shown, setShown] = useState(null);
  const onSelect = useCallback((dagId, month, extend) => {
    setSelected((before) => {
      if (!dagId) return null;
      const from = extend && before && before.dagId === dagId ? before.from : month;
      return { dagId, from, range: from < month ? [from, month] : [month, from] };
    });
  }, []);
  const onShow = useCallback((dagId, month, element) => setShown(dagId && { dagId, month, rect: element.getBoundingClientRect() }), []);
  const loaded = data && data.grids.some((grid) => Object.keys(grid.months).length);
  return h(Box, { p: 4, as: "main" },
    h(Heading, { as: "h1", size: "lg", mb: 1 }, "Month coverage"),
    h(Text, { color: "fg.muted", fontSize: "sm", mb: 4 },
      "Every month that TLC has published, by dataset and warehouse. Select a month, or several with Shift, to see more or to load them."),
    error && h(Note, { status: "error", title: "The months cannot be read" }, error),
    !data && !error && h(Flex, { gap: 3, align: "center", role: "status" }, h(Spinner, { size: "sm" }), "Reading the months…"),
    data && h(Fragment, null,
      h(Warehouses, { targets: data.targets }),
      !data.grids.length && h(Note, { status: "info" }, "There is no DAG that loads months and that you may see. Check the DAG import errors, or ask for the right to read them."),
      data.grids.length > 0 && !loaded && h(Note, { status: "info", title: "No month is loaded yet" }, "Select the months that you want below, and load them."),
      h(Legend, { states: data.states }),
      h("div", { className: "nyc-grids" }, data.grids.map((grid) => h(Grid, {
        key: grid.dag_id, data, grid, onSelect, onShow, range: selected && selected.dagId === grid.dag_id ? selected.range : null,
        title: `${grid.title} in ${data.targets.find((one) => one.name === grid.target).title}`,
      }))),
      selected && data.grids.some((grid) => grid.dag_id === selected.dagId) &&
        h(Selection, { data, selected, onClose: () => setSelected(null), onCreated: again }),
      h(Tip, { data, shown })));
};

// On the home page: the last two years, each month a link to its page.
const Home = () => {
  const { data, error } = useMonths();
  const [shown, setShown] = useState(null);
  if (error) return h(Note, { status: "error", title: "The months cannot be read" }, error);
  if (!data || !data.grids.length) return null;
  const newest = data.grids.flatMap((grid) => Object.entries(grid.months).filter(([, one]) => one.rows !== undefined || one.state === "loaded").map(([month]) => month)).sort().pop();
  const last = newest && plus(newest, 6) < data.last ? plus(newest, 6) : data.last;
  const months = between(plus(last, -23), last);
  const years = [...new Set(months.map((month) => month.slice(0, 4)))];
  return h(Box, { order: 5 },  // after the health of Airflow
    h("style", null, STYLE),
    h(Flex, { align: "baseline", gap: 4, mb: 2 }, h(Heading, { as: "h2", size: "xs", color: "fg.muted" }, "Month coverage"),
      h(Text, { fontSize: "sm" }, h(To, { to: ROUTE }, "All months"))),
    h(Warehouses, { targets: data.targets }),
    h("div", { className: "nyc-scroll" }, h("table", { className: "nyc-grid", style: { minWidth: "44rem", maxWidth: "64rem" } },
      h("caption", { style: HIDDEN }, `Months from ${months[0]} to ${last}`),
      h("thead", null,
        h("tr", null, h("td", { style: { width: "14rem" } }), years.map((year) => h("th", { key: year, scope: "colgroup", colSpan: months.filter((month) => month.startsWith(year)).length, style: { textAlign: "start" } }, year))),
        h("tr", null, h("td", null), months.map((month) => h("th", { key: month, scope: "col", "aria-label": month }, MONTHS[Number(month.slice(5)) - 1][0])))),
      h("tbody", null, data.grids.map((grid) => h("tr", { key: grid.dag_id },
        h("th", { scope: "row", style: { width: "14rem" } }, `${grid.title} in ${data.targets.find((one) => one.name === grid.target).title}`),
        months.map((month) => h("td", { key: month }, month >= grid.first && h(RouterLink, {
          to: monthPage(grid.dag_id, month), className: "nyc-cell", "data-state": stateOf(data, grid, month), "aria-label": told(data, grid, month),
          style: { background: colour(stateOf(data, grid, month)), },
          "data-warned": Boolean(((grid.months[month] || {}).warnings || []).length),
          onFocus: (event) => setShown({ dagId: grid.dag_id, month, rect: event.currentTarget.getBoundingClientRect() }),
          onMouseEnter: (event) => setShown({ dagId: grid.dag_id, month, rect: event.currentTarget.getBoundingClientRect() }),
          onMouseLeave: () => setShown(null), onBlur: () => setShown(null),
        }, SIGNS[stateOf(data, grid, month)] || "")))))))),
    h(Tip, { data, shown }));
};

// Trips per day, as bars for the month and lines for its neighbours.
const Chart = ({ days, month }) => {
  const [before, after] = [plus(month, -1), plus(month, 1)];
  const length = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 0)).getUTCDate();
  const most = Math.max(1, ...[before, month, after].flatMap((one) => Object.values(days[one] || {})));
  const [width, height, left, bottom] = [720, 200, 56, 24];
  const x = (day) => left + ((day - 0.5) / 31) * (width - left);
  const y = (trips) => height - bottom - (trips / most) * (height - bottom - 12);
  const line = (one) => Array.from({ length: 31 }, (_, index) => index + 1).filter((day) => (days[one] || {})[day] !== undefined)
    .map((day) => `${x(day)},${y(days[one][day])}`).join(" ");
  const total = (one) => Object.values(days[one] || {}).reduce((sum, trips) => sum + trips, 0);
  const text = { fill: "var(--chakra-colors-fg-muted)", style: { fontSize: "10px" } };
  const neighbours = [[before, "var(--chakra-colors-orange-solid)", "6 3"], [after, "var(--chakra-colors-purple-solid)", "2 3"]]
    .filter(([one]) => total(one));
  return h(Box, { maxW: "60rem" },
    h("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", role: "img", "aria-label": `Trips per day of ${month}: ${[before, month, after].map((one) => `${one} ${plural(total(one), "trip")}`).join(", ")}` },
      [0, most / 2, most].map((value) => h(Fragment, { key: value },
        h("line", { x1: left, x2: width, y1: y(value), y2: y(value), stroke: "var(--chakra-colors-border)" }),
        h("text", { ...text, x: left - 6, y: y(value) + 4, textAnchor: "end" }, number(Math.round(value))))),
      Array.from({ length }, (_, index) => index + 1).map((day) => {
        const trips = (days[month] || {})[day] || 0;
        return h("rect", { key: day, x: x(day) - 8, width: 16, y: y(trips), height: height - bottom - y(trips), rx: 2, fill: "var(--chakra-colors-success-solid)" },
          h("title", null, `${month}-${String(day).padStart(2, "0")}: ${plural(trips, "trip")}`));
      }),
      neighbours.map(([one, stroke, dash]) => h("polyline", { key: one, points: line(one), fill: "none", stroke, strokeWidth: 2, strokeDasharray: dash })),
      [1, 5, 10, 15, 20, 25, 30].map((day) => h("text", { key: day, ...text, x: x(day), y: height - 6, textAnchor: "middle" }, day))),
    h(Flex, { gap: 5, fontSize: "sm", wrap: "wrap" },
      h(Box, null, h(Box, { as: "span", display: "inline-block", w: 3, h: 3, mr: 2, bg: "success.solid", borderRadius: "sm" }), `${month}, ${plural(total(month), "trip")}`),
      neighbours.map(([one, stroke, dash]) => h(Box, { key: one },
        h("svg", { width: 24, height: 8, style: { display: "inline", marginRight: 8 }, "aria-hidden": true }, h("line", { x1: 0, x2: 24, y1: 4, y2: 4, stroke, strokeWidth: 2, strokeDasharray: dash })),
        `${one}, ${plural(total(one), "trip")}`))));
};

// A month's endpoint, asked again while its warehouse has not answered yet.
const useAnswer = (path) => {
  const [found, setFound] = useState({ data: null, error: "" });
  useEffect(() => {
    let timer = 0;
    let ended = false;
    let tries = 0;
    setFound({ data: null, error: "" });
    const look = async () => {
      try {
        const data = await api(path);
        if (!ended) setFound({ data, error: "" });
      } catch (problem) {
        tries += 1;
        if (ended) return;
        if (problem.status === 503 && tries < 5) timer = setTimeout(look, 3000);
        setFound({ data: null, error: problem.message });
      }
    };
    look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [path]);
  return found;
};

const Section = ({ title, children }) => h(Box, { as: "section", mt: 8, "aria-label": title }, h(Heading, { as: "h2", size: "sm", mb: 3 }, title), children);
const Table = ({ head, rows, label }) =>
  h("div", { className: "nyc-scroll" }, h("table", { className: "nyc-table", "aria-label": label },
    h("thead", null, h("tr", null, head.map(([name, kind]) => h("th", { key: name, scope: "col", className: kind }, name)))),
    h("tbody", null, rows.map((row, index) => h("tr", { key: index }, row.map((value, column) => h("td", { key: column, className: head[column][1] }, value)))))));

const OUTCOMES = { published: "green", failed: "red", abandoned: "red", staging: "blue", uploaded: "blue", staged: "blue", audited: "blue" };
const CHECKS = { pass: "green", warn: "orange", error: "red" };
const share = (check) => (check.threshold === "none" || check.threshold.includes("%") ? `${Number((check.value * 100).toPrecision(3))}%` : number(check.value));

const Checks = ({ checks }) => {
  const attempts = [...new Set(checks.map((one) => one.attempt))];
  const names = useMemo(() => {
    const found = new Map();
    for (const one of checks) {
      const key = `${one.dimension}\n${one.measured_by}\n${one.name}`;
      found.set(key, { ...found.get(key), first: found.get(key) ? found.get(key).first : one, [one.attempt]: one });
    }
    return [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, value]) => value);
  }, [checks]);
  if (!checks.length) return h(Text, { fontSize: "sm" }, "No check has measured this month yet.");
  return h(Table, {
    label: "Checks by attempt",
    head: [["Dimension"], ["Check"], ["Measured by"], ["Passes"], ...attempts.map((id) => [`Attempt ${id}`, "nyc-number"]), ["Finding"]],
    rows: names.map((one) => [one.first.dimension, one.first.name, one.first.measured_by, one.first.threshold,
      ...attempts.map((id) => one[id] ? h(Flex, { gap: 2, justify: "flex-end", align: "center" }, share(one[id]), h(Badge, { size: "xs", colorPalette: CHECKS[one[id].outcome] }, one[id].outcome)) : "–"),
      one.first.outcome === "pass" ? "" : one.first.message]),
  });
};

const Month = ({ dagId, month }) => {
  const path = `nyc-taxi/months/${encodeURIComponent(dagId)}/${encodeURIComponent(month)}`;
  const { data, error } = useAnswer(path);
  const { data: days, error: noDays } = useAnswer(`${path}/days`);
  const current = data && data.attempts.find((one) => one.outcome === "published");
  const valid = /^\d{4}-\d{2}$/.test(month);
  return h(Box, { p: 4, as: "main", maxW: "90rem" },
    h(Text, { fontSize: "sm", mb: 2 }, h(To, { to: ROUTE }, "Month coverage")),
    h(Heading, { as: "h1", size: "lg", mb: 1 }, data ? `${data.title} in ${data.target}: ${data.month}` : `${dagId}: ${month}`),
    valid && h(Flex, { gap: 4, fontSize: "sm", mb: 4, wrap: "wrap" },
      h(To, { to: monthPage(dagId, plus(month, -1)) }, `← ${plus(month, -1)}`), h(To, { to: monthPage(dagId, plus(month, 1)) }, `${plus(month, 1)} →`),
      data && data.run && h(To, { to: runPage(data.run) }, `Newest run (${data.run[2]})`),
      data && h(To, { to: `/dags/${encodeURIComponent(dagId)}` }, `DAG ${dagId}`),
      data && h(Out, { href: data.docs }, "Documentation of the marts")),
    error && h(Note, { status: "error", title: "The month cannot be read" }, error),
    !data && !error && h(Flex, { gap: 3, align: "center", role: "status" }, h(Spinner, { size: "sm" }), "Reading the month…"),
    data && !data.attempts.length && h(Note, { status: "info" }, `${data.month} was never loaded. Select it on the page Month coverage to load it.`),
    data && data.attempts.length > 0 && h(Fragment, null,
      current ? h(Facts, { facts: [
        ["Rows", number(current.rows_loaded)], ["Rejected rows", number(current.rows_rejected)], ["Rows in the file", number(current.rows_in_file)],
        ["File", h(Source, { url: current.url })], ["Size", `${bytes(current.bytes)}, ${bytes(current.bytes_uncompressed)} of content`], ["SHA-256", current.sha256],
        ["Layout", current.schema_version], ["Columns that the file lacks", current.missing.join(", ")], ["Columns that only the file has", current.unknown.join(", ")],
        ["Marts", data.marts], ["Loaded", moment(current.finished)]] })
        : h(Note, { status: "warning" }, `The warehouse holds no rows of this month. Its newest attempt is ${data.attempts[0].outcome}. ${data.attempts[0].reason}`),
      h(Section, { title: "Trips per day" }, days ? h(Chart, { days, month: data.month })
        : h(Text, { fontSize: "sm", color: noDays ? "fg.error" : "fg.muted" }, noDays || "Counting trips…")),
      h(Section, { title: "Attempts" },
        h(Table, { label: "Attempts, newest first",
          head: [["Attempt", "nyc-number"], ["Outcome"], ["Started"], ["Duration", "nyc-number"], ["Rows", "nyc-number"], ["Rejected", "nyc-number"], ["SHA-256"], ["Run"], ["Reason"]],
          rows: data.attempts.map((one) => [String(one.id), h(Badge, { size: "sm", colorPalette: OUTCOMES[one.outcome] || "gray" }, one.outcome), moment(one.started), seconds(one.seconds),
            number(one.rows_loaded), number(one.rows_rejected), one.sha256 ? one.sha256.slice(0, 12) : "", one.run ? h(To, { to: runPage(one.run) }, one.run_id) : one.run_id, one.reason]) }),
        data.all_attempts > data.attempts.length && h(Text, { fontSize: "sm", mt: 2 }, `The newest ${data.attempts.length} of ${data.all_attempts} attempts are shown.`)),
      h(Section, { title: "Checks" }, h(Checks, { checks: data.checks })),
      h(Section, { title: "Rejected rows" }, data.rejects.length
        ? h(Fragment, null,
          h(Text, { fontSize: "sm", mb: 2 }, `Attempt ${data.rejected_by} rejected ${plural(data.rejected, "row")}${data.rejected > data.rejects.length ? `; the first ${data.rejects.length} are shown` : ""}.`),
          h(Table, { label: "Rejected rows", head: [["Line", "nyc-number"], ["Row", "nyc-number"], ["Reason"], ["Content", "nyc-line"]],
            rows: data.rejects.map((one) => [one.line === null ? "–" : number(one.line), number(one.row), one.reason, one.text]) }))
        : h(Text, { fontSize: "sm" }, "No row of this month was rejected."))));
};

const Page = () => {
  const [query] = useSearchParams();
  const [dagId, month] = [query.get("dag"), query.get("month")];
  return h(Box, { height: "100%", overflowY: "auto" }, h("style", null, STYLE),
    dagId && month ? h(Month, { key: `${dagId} ${month}`, dagId, month }) : h(Coverage, null));
};

globalThis["Month coverage"] = Page;
globalThis["Month coverage of home"] = Home;
