/** The report's style sheet. Colours are told apart by people who do not see all of them, on light and on dark. */
export const style: string = `
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1c2330; --soft: #5a6475; --line: #d9dee6; --accent: #1f5fbf; --bad: #b3261e;
  --warn: #fff4d6; --warn-line: #d9a400; --shade: #eef1f5;
  --reading: #2f74d0; --writing: #dd6b20; --files: #2e8b57; --waiting: #9aa3af; --time: #c8a200; --sockets: #8e44ad;
  --program: #129a9a; --host: #cc3d78; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12161c; --card: #1a2029; --text: #e6eaf0; --soft: #a2adbd; --line: #313a47; --accent: #7fb0ff; --bad: #ff8a80;
  --warn: #3a3115; --warn-line: #b98f10; --shade: #232b36;
  --reading: #5b9cf0; --writing: #f0904a; --files: #4fb37b; --waiting: #77818f; --time: #dcbb33; --sockets: #b57edc;
  --program: #3bbcbc; --host: #e8709f; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
.skip { position: absolute; left: -999px } .skip:focus { left: 8px; top: 8px; background: var(--card); padding: 8px 12px }
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 20px }
header { padding-top: 28px } footer { color: var(--soft); font-size: 14px; padding-top: 8px; padding-bottom: 32px }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere }
h2 { font-size: 18px; margin: 0 0 12px } h3 { font-size: 15px; margin: 20px 0 8px }
p { margin: 0 0 10px } .soft { color: var(--soft) }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; margin: 18px 0 }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 18px 0; padding: 0 }
.facts div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px }
.facts dt { color: var(--soft); font-size: 13px } .facts dd { margin: 0; font-size: 22px; font-weight: 600 }
.facts .bad dd { color: var(--bad) }
.about { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 8px 0 0; font-size: 14px }
.about dt { color: var(--soft) } .about dd { margin: 0; overflow-wrap: anywhere }
.notice { border-left: 4px solid var(--warn-line); background: var(--warn); padding: 10px 14px; border-radius: 6px;
  margin: 18px 0; overflow-wrap: anywhere }
.notice p { margin: 0 } .notice p + p { margin-top: 6px }
code, .calls { font-family: ui-monospace, 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 13px }
figure { margin: 0 } figcaption { font-size: 14px; color: var(--soft) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; margin: 10px 0 0; padding: 0; font-size: 14px }
.legend li { display: flex; align-items: center; gap: 6px }
.legend svg { flex: none }
.chart { display: block; overflow: visible } .chart text { fill: var(--soft); font-size: 12px }
.axis { stroke: var(--soft) } .grid { stroke: var(--line); stroke-dasharray: 2 4 }
.failed { fill: var(--bad) } .hover { fill: transparent } .hover:hover { fill: var(--text); fill-opacity: .12 }
.checkpoint line { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 3 3; stroke-opacity: .75 } .checkpoint circle { fill: var(--mark) }
.checkpoint text { fill: var(--card); font-size: 11px; font-weight: 700 }
.group-reading { fill: var(--reading) } .group-writing { fill: var(--writing) } .group-files { fill: var(--files) }
.group-waiting { fill: var(--waiting) } .group-time { fill: var(--time) } .group-sockets { fill: var(--sockets) }
.group-program { fill: var(--program) } .group-host { fill: var(--host) }
.cause-request { --mark: var(--accent) } .cause-signal { --mark: var(--writing) } .cause-call { --mark: var(--files) }
.cause-first-stdin { --mark: var(--program) } .cause-idle { --mark: var(--soft) } .cause-interval { --mark: var(--sockets) }
.cause-keyframe { --mark: var(--waiting) } .cause-torture { --mark: var(--host) } .cause-guest { --mark: var(--time) }
.cause-fork { --mark: var(--host) } .cause-leave { --mark: var(--time) } .cause-hand-over { --mark: var(--program) } .cause-other { --mark: var(--text) }
.dot { fill: var(--mark) }
.scroll { overflow-x: auto } .scroll:focus-visible, summary:focus-visible, a:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums }
caption { text-align: left; color: var(--soft); padding-bottom: 6px }
th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { padding-left: 0 } th:last-child, td:last-child { padding-right: 0 }
th.text, td.text, tbody th { text-align: left } thead th { color: var(--soft); font-weight: 600 } tbody th { font-weight: 400 }
td.label { white-space: normal; overflow-wrap: anywhere; min-width: 14em }
tfoot td, tfoot th { border-bottom: 0; font-weight: 600 }
.bar { display: inline-block; vertical-align: middle; height: 10px; border-radius: 2px; background: var(--accent) }
.share { width: 22% } .zero { color: var(--soft); opacity: .55 } .some { color: var(--bad) }
.calls { list-style: none; margin: 0; padding: 0 }
.calls li { display: grid; grid-template-columns: minmax(5ch, max-content) 1fr; gap: 12px; padding: 2px 0; overflow-wrap: anywhere }
.calls li:nth-child(even) { background: var(--shade) }
.calls .n { color: var(--soft); text-align: right; user-select: none } .calls .bad { color: var(--bad) }
details + details { margin-top: 10px } summary { cursor: pointer; font-weight: 600; padding: 4px 0 }
.dropped { text-align: center; color: var(--soft); padding: 6px 0; margin: 0 }
@media (max-width: 600px) {
  main, header, footer { padding-left: 12px; padding-right: 12px } section { padding: 14px 12px }
  .facts { grid-template-columns: 1fr 1fr; gap: 8px } .facts dd { font-size: 19px }
  .share { display: none }
  .calls li { grid-template-columns: 1fr; gap: 0; padding: 4px 0 } .calls .n { text-align: left } }
@media print { body { background: #fff } section { break-inside: avoid } }
`
