import { Handle, Position } from '@xyflow/react';
import { StateBadge } from '../page/StateBadge';
import type { GraphNode } from './GraphView';
import classes from './GraphView.module.css';

export function StepNode({ data }: { data: Record<string, unknown> }) {
  const { id, kind, state, note } = data as unknown as GraphNode;
  return (
    <div className={classes.node} data-state={state}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className={classes.name} title={id}>
        {id}
      </div>
      <div className={classes.facts}>
        {state ? <StateBadge state={state} /> : <span>{kind}</span>}
        {note && <span>{note}</span>}
      </div>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}
