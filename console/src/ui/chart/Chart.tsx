import { useComputedColorScheme } from '@mantine/core';
import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, GridComponent, TooltipComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import classes from './Chart.module.css';

use([BarChart, LineChart, GridComponent, TooltipComponent, AriaComponent, CanvasRenderer]);

interface Props {
  label: string;
  kind: 'bar' | 'line';
  names: string[];
  values: (number | null)[];
  unit: string;
}

/** Bars or a line. The same numbers stand in the rows beside it. */
export function Chart({ label, kind, names, values, unit }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours
  useEffect(() => {
    const at = box.current;
    if (!at) return;
    const look = getComputedStyle(at);
    const colour = (name: string) => look.getPropertyValue(name).trim();
    const chart = init(at);
    const [ink, line] = [colour('--mantine-color-dimmed'), colour('--dx-line')];
    const text = { color: ink, fontFamily: look.fontFamily };
    chart.setOption({
      animation: false,
      // Bars have a pattern, so that colour is not all there is.
      aria: { enabled: true, decal: { show: kind === 'bar' } },
      grid: { left: 12, right: 16, top: 32, bottom: 8, containLabel: true },
      color: [colour('--dx-accent')],
      textStyle: text,
      // Text instead of HTML, whose styles the page's policy would refuse.
      tooltip: { trigger: 'axis', renderMode: 'richText', confine: true },
      xAxis: {
        type: 'category',
        data: names,
        axisLabel: { ...text, hideOverlap: true },
        axisLine: { lineStyle: { color: line } },
        axisTick: { show: false },
      },
      yAxis: {
        type: 'value',
        name: unit,
        nameTextStyle: { ...text, align: 'left' },
        axisLabel: text,
        splitLine: { lineStyle: { color: line } },
      },
      series: [{ type: kind, data: values, name: unit, showSymbol: names.length < 80 }],
    });
    const watched = new ResizeObserver(() => chart.resize());
    watched.observe(at);
    return () => {
      watched.disconnect();
      chart.dispose();
    };
  }, [kind, names, values, unit, scheme]);

  return <div ref={box} className={classes.chart} role="img" aria-label={label} />;
}
