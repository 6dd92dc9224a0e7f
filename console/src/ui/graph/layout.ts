import { layout as dagre, Graph } from '@dagrejs/dagre';

/** A node with its place; the corner at the top left, in pixels. */
export interface Placed {
  id: string;
  x: number;
  y: number;
}

export interface Wanted {
  nodes: string[];
  edges: [string, string][];
  width: number;
  height: number;
}

/** Places nodes from left to right. */
export function layout({ nodes, edges, width, height }: Wanted): Placed[] {
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 56 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of nodes) graph.setNode(id, { width, height });
  const known = new Set(nodes);
  for (const [from, to] of edges) if (known.has(from) && known.has(to)) graph.setEdge(from, to);
  dagre(graph);
  return nodes.map(id => {
    const { x, y } = graph.node(id) as { x: number; y: number };
    return { id, x: x - width / 2, y: y - height / 2 };
  });
}
