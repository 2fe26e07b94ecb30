// The server's operations, as an SDK would call them.

export interface Column {
  name: string
  type: string
}

export interface StatementResult {
  statement: string
  tag: string
  columns: Column[]
  rows: (string | null)[][]
  truncated: boolean
  notices: string[]
  milliseconds: number
}

export interface SqlFailure {
  sqlstate: string
  message: string
  detail: string | null
  hint: string | null
  position: number | null
}

export interface QueryAnswer {
  results: StatementResult[]
  error?: SqlFailure
}

export interface StreamSummary {
  StreamName: string
  StreamARN: string
  StreamStatus: string
  StreamModeDetails: { StreamMode: string }
}

export interface Cluster {
  ClusterIdentifier: string
  ClusterStatus: string
  NodeType: string
  MasterUsername: string
  Endpoint: { Address: string; Port: number }
}

export interface GeneratorStatus {
  running: boolean
  stream: string | null
  rate: number
  sent: number
  refused: number
  errors: number
  last_error: string | null
}

export class SignedOut extends Error {}

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  if (response.status === 401) throw new SignedOut(await response.text())
  const text = await response.text()
  if (!response.ok) {
    let message = text
    try {
      message = JSON.parse(text).message
    } catch {
      // The answer is not JSON, so it is shown as it is.
    }
    throw new Error(message)
  }
  return text ? JSON.parse(text) : (null as T)
}

export const aws = <T>(service: string, operation: string, input: unknown = {}) =>
  send<T>('POST', `/api/aws/${service}/${operation}`, input)

export const account = () => send<{ account: string; region: string }>('GET', '/api/account')

export const runSql = (cluster: string, sql: string) => send<QueryAnswer>('POST', '/api/query', { cluster, sql })

export const streams = async () =>
  (await aws<{ StreamSummaries: StreamSummary[] }>('kinesis', 'ListStreams')).StreamSummaries

export const clusters = async () =>
  (await aws<{ Clusters: { Cluster: Cluster[] } }>('redshift', 'DescribeClusters')).Clusters.Cluster

export const generator = {
  status: () => send<GeneratorStatus>('GET', '/api/generator'),
  start: (stream: string, rate: number, template: string) =>
    send<GeneratorStatus>('POST', '/api/generator', { stream, rate, template }),
  stop: () => send<GeneratorStatus>('DELETE', '/api/generator'),
  test: (template: string) => send<{ records: string[] }>('POST', '/api/generator/test', { template }),
}
