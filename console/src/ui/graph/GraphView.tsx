import '@xyflow/react/dist/base.css';
import { Button } from '@mantine/core';
import { Background, Controls, type Edge, type Node, ReactFlow } from '@xyflow/react';
import { useEffect, useMemo, useState } from 'react';
import { useT } from '../../app/locale';
import { Loading } from '../state/Loading';
import classes from './GraphView.module.css';
import type { Placed, Wanted } from './layout';
import { StepNode } from './StepNode';

/** More nodes than this are drawn only when asked for. */
const drawnMax = 150;

export interface GraphNode {
  id: string;
  /** What kind of node, in a word. */
  kind: string;
  /** `succeeded`, `failed` and so on; nothing outside a run. */
  state?: string;
  note?: string;
}

const width = 190;
const height = 58;
const nodeTypes = { step: StepNode };

/** A graph from left to right. Beside it there is always the same as a table. */
export function GraphView({
  label,
  nodes,
  edges,
  open,
}: {
  label: string;
  nodes: GraphNode[];
  edges: [string, string][];
  open?: (id: string) => void;
}) {
  const t = useT();
  const [wanted, setWanted] = useState(nodes.length <= drawnMax);
  const [placed, setPlaced] = useState<Placed[]>();
  const shape = JSON.stringify({ nodes: nodes.map(({ id }) => id), edges, width, height } satisfies Wanted);

  useEffect(() => {
    if (!wanted) return;
    const worker = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Placed[]>) => setPlaced(data);
    worker.postMessage(JSON.parse(shape));
    return () => worker.terminate();
  }, [shape, wanted]);

  const flow = useMemo(() => {
    const known = new Map(nodes.map(node => [node.id, node]));
    const drawn: Node[] = (placed ?? []).flatMap(({ id, x, y }) => {
      const node = known.get(id);
      return node
        ? [{ id, type: 'step', position: { x, y }, data: { ...node }, width, height, ariaLabel: `${node.kind} ${id}` }]
        : [];
    });
    const lines: Edge[] = edges.map(([source, target]) => ({ id: `${source}→${target}`, source, target, focusable: false }));
    return { drawn, lines };
  }, [nodes, edges, placed]);

  if (!wanted) {
    return (
      <div className={classes.closed}>
        <p>{t('ui.graph.large', { count: nodes.length })}</p>
        <Button size="xs" variant="default" onClick={() => setWanted(true)}>
          {t('ui.graph.draw')}
        </Button>
      </div>
    );
  }
  if (!placed) return <Loading rows={4} />;
  const tall = Math.min(440, Math.max(200, Math.max(...placed.map(({ y }) => y)) + height + 60));
  return (
    <div className={classes.graph} style={{ height: tall }} role="group" aria-label={label}>
      <ReactFlow
        nodes={flow.drawn}
        edges={flow.lines}
        nodeTypes={nodeTypes}
        fitView
        fitViewOptions={{ padding: 0.06, maxZoom: 1 }}
        minZoom={0.1}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        onNodeClick={(_, node) => open?.(node.id)}
        ariaLabelConfig={{
          'controls.ariaLabel': t('ui.graph.controls'),
          'controls.zoomIn.ariaLabel': t('ui.graph.in'),
          'controls.zoomOut.ariaLabel': t('ui.graph.out'),
          'controls.fitView.ariaLabel': t('ui.graph.fit'),
        }}
      >
        <Background gap={18} size={1} color="var(--dx-line)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
