const kinds = ['Connection', 'Pipeline', 'DataService', 'Schedule', 'User', 'Role', 'Grant'] as const;

/** Whether a kind has a word in the reader's language. */
export function isKnown(kind: string): kind is (typeof kinds)[number] {
  return kinds.some(known => known === kind);
}

/** A document to begin with, by kind. */
export function template(kind: string): string {
  return templates[kind] ?? `apiVersion: dataux/v1\nkind: ${kind}\nname: my-${kind.toLowerCase()}\nspec: {}\n`;
}

const templates: Record<string, string> = {
  Connection: `apiVersion: dataux/v1
kind: Connection
name: my-files
spec:
  description: ""
  files:
    location: /data/incoming
`,
  Pipeline: `apiVersion: dataux/v1
kind: Pipeline
name: my-pipeline
spec:
  description: ""
  steps:
    - name: take
      collect:
        from: my-files
        files: "*.csv"
        into: lake.ods.my_table
        mode: append
    - name: count
      sql:
        into: lake.dws.my_counts
        mode: replace
        query: |
          SELECT count(*) AS records FROM lake.ods.my_table
`,
  DataService: `apiVersion: dataux/v1
kind: DataService
name: my-service
spec:
  description: ""
  sql: |
    SELECT * FROM lake.dws.my_counts WHERE records > $least ORDER BY records
  parameters:
    least: {type: integer, default: 0}
`,
  User: `apiVersion: dataux/v1
kind: User
name: ann
spec:
  display_name: Ann
  roles: []
`,
  Role: `apiVersion: dataux/v1
kind: Role
name: analyst
spec:
  description: Reads the summaries
`,
  Grant: `apiVersion: dataux/v1
kind: Grant
name: analysts-read-summaries
spec:
  to: {role: analyst}
  allow: [select]
  on: [lake.dws]
`,
  Schedule: `apiVersion: dataux/v1
kind: Schedule
name: nightly
spec:
  pipeline: my-pipeline
  cron: "0 2 * * *"
  time_zone: UTC
`,
};
