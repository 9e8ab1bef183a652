"""How the report looks: colours for light and dark, and the style sheet made of them.

Text has a contrast of 4.5 and more on each ground it may lie on (WCAG 2.1, 1.4.3); PAIRS lists
them, and a test computes them all.
"""

from __future__ import annotations

from . import map_svg

# Name: in light, in dark.
PALETTE = {
    "page": ("#ffffff", "#0f1317"),
    "panel": ("#f5f7f9", "#171d23"),
    "line": ("#d3d9df", "#303943"),
    "text": ("#1b2128", "#e3e8ed"),
    "faint": ("#55606b", "#9ca8b4"),
    "link": ("#0a58a8", "#7ab7ff"),
    "good": ("#17652f", "#74d191"),
    "good-ground": ("#e2f3e7", "#12301d"),
    "bad": ("#a8121c", "#ffa0a0"),
    "bad-ground": ("#fdeaeb", "#3b1619"),
    "open": ("#734b00", "#eac573"),
    "open-ground": ("#fcf2d9", "#33290f"),
    "mark": ("#e9eef3", "#252d36"),
    "el0": ("#e6d5f7", "#47306b"),
    "el1": ("#d4e4f7", "#1d3f66"),
    "el2": ("#f7e3c4", "#5c4012"),
    "el3": ("#f7d0d0", "#66242a"),
    "bar": ("#5b8fc7", "#5b8fc7"),
}
PAIRS = [
    ("text", "page"), ("text", "panel"), ("text", "mark"), ("faint", "page"), ("faint", "panel"),
    ("link", "page"), ("link", "panel"), ("good", "page"), ("good", "panel"),
    ("good", "good-ground"), ("bad", "page"), ("bad", "panel"), ("bad", "bad-ground"),
    ("open", "page"), ("open", "panel"), ("open", "open-ground"), ("text", "bad-ground"),
    ("text", "good-ground"), ("text", "open-ground"), ("faint", "bad-ground"),
    ("faint", "open-ground"), ("faint", "good-ground"), ("link", "bad-ground"),
    ("link", "open-ground"), ("faint", "mark"), ("link", "mark"),
    ("text", "el0"), ("text", "el1"), ("text", "el2"), ("text", "el3"),
]  # fmt: skip


def _variables(index: int) -> str:
    return "".join(f"--{name}:{colours[index]};" for name, colours in PALETTE.items())


_RULES = """
*{box-sizing:border-box}
html{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
  background:var(--page);color:var(--text);-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;overflow-wrap:anywhere}
.page{display:grid;grid-template-columns:13rem minmax(0,1fr);max-width:86rem;margin:0 auto}
nav{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto;padding:2rem 1rem;
  font-size:.875rem}
nav ol{list-style:none;margin:0;padding:0}
nav a{display:flex;justify-content:space-between;gap:.5rem;padding:.25rem .5rem;border-radius:4px;
  text-decoration:none}
nav a:hover{background:var(--mark)}
nav .many{color:var(--faint);font-variant-numeric:tabular-nums}
nav .many.bad{color:var(--bad);font-weight:600}
main{padding:2rem 2rem 4rem;border-left:1px solid var(--line);min-width:0}
h1{font-size:1.75rem;line-height:1.2;margin:.25rem 0 .75rem}
h2{font-size:1.25rem;margin:0 0 1rem;padding-bottom:.4rem;border-bottom:1px solid var(--line)}
h2 .note,h3 .note{font-weight:400;font-size:.875rem;color:var(--faint);margin-left:.75rem}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
h4{font-size:.8125rem;margin:1rem 0 .35rem;color:var(--faint);font-weight:600}
p{margin:.5rem 0}
section{margin-top:3rem}
a{color:var(--link)}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
code,pre,.mono{font:0.8125rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",
  monospace}
pre{margin:.35rem 0;padding:.6rem .75rem;background:var(--panel);border:1px solid var(--line);
  border-radius:6px;overflow-x:auto;white-space:pre;overflow-wrap:normal}
pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
pre .here{display:inline-block;min-width:100%;background:var(--bad-ground);font-weight:600}
pre .number{color:var(--faint);user-select:none}
.over{color:var(--faint);font-size:.875rem;margin:0}
.faint{color:var(--faint)}
.small{font-size:.875rem}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}
.badge{display:inline-block;padding:0 .5rem;border-radius:4px;font-size:.75rem;font-weight:600;
  line-height:1.5rem;white-space:nowrap}
.badge.good{background:var(--good-ground)}.badge.bad{background:var(--bad-ground)}
.badge.open{background:var(--open-ground)}
.badge.plain{background:var(--mark)}
.verdict{border-left:6px solid;padding:.25rem 0 .25rem 1rem}
.verdict.good{border-color:var(--good)}.verdict.bad{border-color:var(--bad)}
.verdict.open{border-color:var(--open)}
.verdict h1{color:inherit;margin:0}
.verdict p{color:var(--text)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(6.25rem,1fr));gap:.75rem;
  margin:1.25rem 0;padding:0;list-style:none}
.tiles li{border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;background:var(--panel)}
.tiles b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums;line-height:1.3}
.tiles span{font-size:.8125rem;color:var(--faint)}
.card{border:1px solid var(--line);border-left-width:4px;border-radius:6px;padding:.75rem 1rem;
  margin:1rem 0;background:var(--page)}
.card.bad{border-left-color:var(--bad);color:inherit}
.card.open{border-left-color:var(--open);color:inherit}
.card:target{outline:2px solid var(--link);outline-offset:2px}
.card>h3{margin:0 0 .35rem;display:flex;gap:.5rem;align-items:baseline;flex-wrap:wrap}
.card h3 a{text-decoration:none}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0 1rem}
.two>*{min-width:0}
dl{display:grid;grid-template-columns:minmax(5.5rem,max-content) minmax(0,1fr);gap:.2rem 1rem;
  margin:.5rem 0;font-size:.9375rem}
dt{color:var(--faint)}
dd{margin:0}
.scroll{overflow-x:auto;margin:.5rem 0;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem;border-bottom:1px solid var(--line)}
th{color:var(--faint);font-weight:600;white-space:nowrap;background:var(--panel)}
tbody tr:last-child td{border-bottom:0}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.num{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.8125rem}
td code{overflow-wrap:normal}
table.wide{min-width:54rem}
.fields{list-style:none;margin:0;padding:0}
.fields li{display:inline-block;margin-right:1.25rem;white-space:nowrap}
.fields .whole{display:block;margin:0}
summary{cursor:pointer}
summary:hover{background:var(--mark)}
details.fold{margin:.75rem 0}
details.fold>summary{color:var(--link);padding:.15rem 0}
.steps{border:1px solid var(--line);border-radius:6px;margin:.75rem 0;overflow:hidden}
.step{border-bottom:1px solid var(--line)}
.step:last-child{border-bottom:0}
.step>summary{display:grid;grid-template-columns:1rem 1.75rem minmax(9rem,1fr) 4.5rem 9.5rem
  minmax(0,1.5fr) 3.25rem;gap:.75rem;padding:.3rem .75rem;align-items:baseline;list-style:none;
  font-size:.875rem}
.step>summary::-webkit-details-marker{display:none}
.step[open]>summary{background:var(--mark)}
.step:target{outline:2px solid var(--link);outline-offset:-2px}
.step .name{font-weight:600}
.step .inside{padding:.25rem .75rem 1rem 4.75rem}
.step .count{text-align:right;font-variant-numeric:tabular-nums}
.step .held{text-align:right;white-space:nowrap}
.list{list-style:none;margin:.25rem 0;padding:0}
.list li{padding:.1rem 0 .1rem 1.5rem;text-indent:-1.5rem}
.list .tick{display:inline-block;width:1.5rem;text-indent:0}
.picture{overflow-x:auto;border:1px solid var(--line);border-radius:6px;margin:.5rem 0}
.picture svg{display:block;width:100%;min-width:62rem;height:auto}

.strip text{fill:var(--text);font:11px system-ui,sans-serif}
.strip .lane{fill:var(--faint)}
.strip .rule{stroke:var(--line)}
.strip .el0{fill:var(--el0)}.strip .el1{fill:var(--el1)}.strip .el2{fill:var(--el2)}
.strip .el3{fill:var(--el3)}.strip .off{fill:var(--mark)}.strip .on{fill:var(--good-ground)}
.strip .held{fill:var(--good)}.strip .broken{fill:var(--bad)}.strip .undecided{fill:var(--open)}
.strip .write{stroke:var(--text);stroke-width:1.5}
.strip .taken{fill:var(--link)}
.strip a:hover circle,.strip a:focus circle{stroke:var(--text);stroke-width:3}
.bar{display:inline-block;width:6rem;height:.5rem;background:var(--mark);border-radius:2px;
  vertical-align:middle;overflow:hidden}
.bar i{display:block;height:100%;background:var(--bar)}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--faint);
  font-size:.8125rem}
@media (max-width:60rem){
.page{display:block}
nav{position:static;max-height:none;padding:1rem 1rem 0}
nav ol{display:flex;flex-wrap:wrap;gap:.25rem}
nav a{background:var(--panel);border:1px solid var(--line)}
main{border-left:0;padding:1rem}
.step>summary{grid-template-columns:1rem 1.75rem minmax(0,1fr) auto;gap:.1rem .5rem}
.step .place{grid-column:3/-1;grid-row:2}
.step .count{grid-column:4;grid-row:1}
.step .held,.step .pc{display:none}
.step .inside{padding-left:.75rem}
dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:.4rem}
}
@media print{
.picture svg{min-width:0}
html{font-size:10pt}
nav{display:none}
.page{display:block;max-width:none}
main{border:0;padding:0}
section,.card,.step{break-inside:auto}
.card,tr,.tiles li{break-inside:avoid}
.scroll,.picture,pre{overflow:visible}
pre{white-space:pre-wrap}
a{color:inherit}
}
"""


def style_sheet() -> str:
    """The whole style sheet."""
    return (
        f":root{{color-scheme:light dark;{_variables(0)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{_variables(1)}}}}}{_RULES}{map_svg.STYLE}"
    )
