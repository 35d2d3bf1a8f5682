"""The page's style sheet: one column, one accent colour, light and dark, phone and paper."""

from outergrad.report.svg import DARK, FONT_FAMILY, LIGHT, declarations

STYLE = f"""
:root{{color-scheme:light dark;{declarations(LIGHT)}}}
@media(prefers-color-scheme:dark){{:root{{{declarations(DARK)}}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%}}
body{{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 {FONT_FAMILY};
  font-variant-numeric:tabular-nums}}
main{{max-width:50rem;margin:0 auto;padding:3.5rem 1.25rem 4rem}}
.mark{{margin:0 0 1.75rem;font-size:.875rem;color:var(--muted)}}
.mark b{{color:var(--accent);font-weight:650}}
h1{{margin:0;max-width:44rem;font-size:clamp(1.5rem,1.1rem + 2vw,2.15rem);line-height:1.22;
  font-weight:650;letter-spacing:-.015em;text-wrap:balance}}
.also{{margin:.9rem 0 0;max-width:44rem;color:var(--muted)}}
dl.facts{{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1rem 1.5rem;
  margin:2.25rem 0 0;padding:1.1rem 0;border:solid var(--rule);border-width:1px 0}}
dt{{font-size:.8125rem;color:var(--muted)}}
dd{{margin:.05rem 0 0;overflow-wrap:anywhere}}
section{{margin-top:3.25rem}}
h2{{margin:0 0 .4rem;font-size:1.25rem;line-height:1.3;font-weight:650;letter-spacing:-.01em}}
h3{{margin:1.2rem 0 .3rem;font-size:1.05rem;line-height:1.3;font-weight:650}}
p{{margin:.4rem 0 0;max-width:44rem}}
figure{{margin:1.6rem 0 0;break-inside:avoid}}
figure svg{{display:block;width:100%;height:auto;overflow:visible}}
figure svg text{{font-family:inherit}}
.narrow{{display:none}}
figcaption{{margin-top:.6rem;font-size:.8125rem;line-height:1.5;color:var(--muted)}}
a{{color:var(--accent);text-underline-offset:.15em}}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{{outline:2px solid var(--accent);
  outline-offset:2px}}
.scroll{{margin-top:1.2rem;overflow-x:auto}}
table{{width:100%;border-collapse:collapse;font-size:.9375rem;line-height:1.4}}
caption{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}}
th,td{{padding:.42rem 0 .42rem 1.1rem;text-align:right;white-space:nowrap;font-weight:400;
  border-bottom:1px solid var(--rule);unicode-bidi:isolate}}
th:first-child,td:first-child{{padding-left:0;text-align:left}}
thead th{{font-size:.8125rem;color:var(--muted);vertical-align:bottom}}
tr.group th{{padding-top:1.15rem;font-weight:650}}
td.text{{white-space:normal;text-align:left;min-width:12rem;overflow-wrap:anywhere}}
th.text{{text-align:left}}
tr.group span,tr.note span{{display:block;position:sticky;left:0;max-width:calc(100vw - 3.5rem)}}
tr.note td{{color:var(--muted);font-size:.875rem;border-bottom:0;white-space:normal}}
.best{{color:var(--accent);font-weight:650}}
.bar{{display:block;height:.55rem;min-width:1px;border-radius:1px;background:var(--accent)}}
.shares{{display:flex;height:1.5rem;gap:2px;margin-top:1.4rem}}
.shares span{{min-width:1px;border-radius:1px}}
.kept{{background:var(--accent)}}
.cancelled{{background:color-mix(in srgb,var(--muted) 38%,var(--paper))}}
.rejected{{background:var(--ink)}}
.other{{border:1px solid var(--rule)}}
th small{{display:block;padding-left:1.2rem;font-size:.8125rem;color:var(--muted);
  white-space:normal}}
.swatch{{display:inline-block;width:.7rem;height:.7rem;margin-right:.5rem;border-radius:1px}}
details{{margin-top:1rem}}
summary{{cursor:pointer;color:var(--accent)}}
pre{{margin:.8rem 0 0;padding:1rem;overflow-x:auto;border:1px solid var(--rule);border-radius:4px;
  font:.8125rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace}}
pre.command{{white-space:pre-wrap;overflow-wrap:anywhere}}
.evidence{{margin-top:.1rem;font-size:.9375rem;color:var(--muted)}}
ul{{margin:.6rem 0 0;padding-left:1.1rem;color:var(--muted);font-size:.9375rem}}
footer{{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--rule);
  font-size:.8125rem;color:var(--muted)}}
@media(max-width:600px){{
  main{{padding-top:2rem}}
  .wide-figure{{display:none}}
  .narrow{{display:block}}
  dl.facts{{grid-template-columns:1fr 1fr}}
  th,td{{padding-left:.8rem}}
  td.text{{min-width:9rem}}
}}
@media print{{
  @page{{margin:16mm}}
  :root{{color-scheme:light;{declarations(LIGHT)}}}
  body{{font-size:10.5pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
  main{{max-width:none;padding:0}}
  section{{margin-top:2rem}}
  h2,h3,section>p{{break-after:avoid}}
  tr,tbody,.shares{{break-inside:avoid}}
  tr.note{{break-before:avoid}}
  .scroll{{overflow:visible}}
  .wide-figure{{display:block}}
  .narrow,.download,section:has(details){{display:none}}
}}
"""
