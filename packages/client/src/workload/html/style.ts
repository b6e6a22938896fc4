/** The style of a report; colours keep 3:1 against the page in light and dark, and differ in lightness too. */
export const style = `
:root {
  --page: #fbfbfd; --card: #ffffff; --text: #1d1f24; --quiet: #5b6170; --grid: #e2e5ea;
  --series-1: #2364c4; --series-2: #c2570c; --series-3: #8a3ab9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --text: #e8eaee; --quiet: #a2a9b6; --grid: #343943;
    --series-1: #6ea8ff; --series-2: #f59d5b; --series-3: #cf95f2;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 24px; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 32px 0 12px; }
.asked { color: var(--quiet); margin: 0; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin-bottom: 16px; }
.tiles div { background: var(--card); border: 1px solid var(--grid); border-radius: 8px; padding: 10px 16px; min-width: 120px; }
.tiles b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--quiet); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 16px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--grid); border-radius: 8px; padding: 12px 16px; }
figcaption { font-weight: 600; margin-bottom: 4px; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--grid); }
.tick, .axis { fill: var(--quiet); font-size: 12px; font-variant-numeric: tabular-nums; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.s1 { stroke: var(--series-1); } .line.s2 { stroke: var(--series-2); } .line.s3 { stroke: var(--series-3); }
.dot.s1, .bar.s1 { fill: var(--series-1); } .dot.s2, .bar.s2 { fill: var(--series-2); } .dot.s3, .bar.s3 { fill: var(--series-3); }
.legend { margin: 4px 0 0; font-size: 13px; color: var(--quiet); }
.key { margin-right: 16px; }
.key i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
i.s1 { background: var(--series-1); } i.s2 { background: var(--series-2); } i.s3 { background: var(--series-3); }
table { border-collapse: collapse; margin-top: 16px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 3px 16px 3px 0; border-bottom: 1px solid var(--grid); }
th { font-weight: 500; color: var(--quiet); }
`;
