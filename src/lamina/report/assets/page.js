"use strict";
(() => {
  const source = document.getElementById("curves-data");
  if (!source) return;
  const panels = JSON.parse(source.textContent);
  const tones = ["--first", "--second", "--third", "--fourth", "--fifth", "--sixth"];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const state = { log: false, smoothing: 0 };
  const sync = uPlot.sync("epochs");
  let plots = [];

  const short = (v) => {
    if (v === null || v === undefined || Number.isNaN(v)) return "–";
    const size = Math.abs(v);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) return v.toExponential(2).replace(/\.?0+e/, "e");
    return String(Number(v.toPrecision(4)));
  };

  // Exponential average that corrects for its first values.
  const smooth = (values, weight) => {
    if (!weight) return values;
    let mean = 0, total = 0;
    return values.map((v) => {
      if (v === null) return null;
      mean = weight * mean + (1 - weight) * v;
      total = weight * total + (1 - weight);
      return mean / total;
    });
  };

  const onLog = (values) => (state.log ? values.map((v) => (v !== null && v > 0 ? v : null)) : values);

  const seriesOf = (panel) => {
    const columns = [panel.x];
    const series = [{ label: "Epoch", value: (_, v) => (v === null ? "–" : String(v)) }];
    const bands = [];
    const few = panel.x.length <= 40;
    for (const line of panel.series) {
      const color = style(tones[line.tone % tones.length]);
      columns.push(onLog(smooth(line.values, state.smoothing)));
      series.push({
        label: line.label, stroke: color, fill: null, width: 2, dash: line.dash ? [6, 4] : undefined,
        points: { show: few && !state.smoothing, size: 5, fill: style("--paper") },
        value: (_, v) => short(v), spanGaps: true,
      });
      if (!line.band) continue;
      for (const edge of line.band) {
        columns.push(onLog(smooth(edge, state.smoothing)));
        series.push({ label: "edge", stroke: "transparent", width: 0, points: { show: false }, spanGaps: true });
      }
      const last = columns.length - 1;
      bands.push({ series: [last, last - 1], fill: color + "2b" });
    }
    return { columns, series, bands };
  };

  // A line at the best epoch, behind the curves.
  const markBest = (panel) => (u) => {
    if (panel.best === null) return;
    const x = Math.round(u.valToPos(panel.best, "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    u.ctx.save();
    u.ctx.strokeStyle = style("--muted");
    u.ctx.globalAlpha = 0.6;
    u.ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.restore();
  };

  const draw = () => {
    for (const plot of plots) plot.destroy();
    const muted = style("--muted"), line = style("--line");
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const axis = { stroke: muted, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    plots = panels.map((panel, i) => {
      const holder = document.getElementById("plot-" + i);
      const { columns, series, bands } = seriesOf(panel);
      const whole = (u, ticks) => ticks.map((v) => (Number.isInteger(v) ? String(v) : ""));
      const single = panel.x.length === 1;
      return new uPlot({
        width: holder.clientWidth, height: 230, series, bands,
        cursor: { sync: { key: sync.key }, drag: { x: true, y: false }, points: { size: 7 } },
        scales: {
          x: { time: false, range: single ? [panel.x[0] - 1, panel.x[0] + 1] : undefined },
          y: { distr: state.log ? 3 : 1 },
        },
        axes: [
          { ...axis, values: whole, size: 32, space: 48 },
          { ...axis, values: (u, ticks) => ticks.map((v) => (v === null ? "" : short(v))), size: 58 },
        ],
        hooks: { drawClear: [markBest(panel)] },
      }, columns, holder);
    });
    // Edges of bands have no entry in the legend.
    for (const plot of plots) {
      plot.root.querySelectorAll(".u-series").forEach((row, i) => {
        if (plot.series[i].label === "edge") row.style.display = "none";
      });
    }
  };

  document.getElementById("log-scale").addEventListener("change", (event) => {
    state.log = event.target.checked;
    draw();
  });
  document.getElementById("smoothing").addEventListener("input", (event) => {
    state.smoothing = Number(event.target.value);
    draw();
  });
  document.getElementById("reset-zoom").addEventListener("click", draw);
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    for (const plot of plots) plot.setSize({ width: plot.root.parentElement.clientWidth, height: 230 });
  }).observe(document.getElementById("plot-0"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  matchMedia("print").addEventListener("change", draw);
  document.querySelectorAll(".controls").forEach((box) => box.removeAttribute("hidden"));
  draw();
})();
