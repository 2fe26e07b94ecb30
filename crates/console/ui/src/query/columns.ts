// What a column can be used for in a chart.

import type { Column, StatementResult } from '../api'

const NUMBERS = /^(smallint|integer|bigint|real|double|numeric)/
const TIMES = /^(timestamp|date)/

export const isNumber = (column: Column | undefined) => column !== undefined && NUMBERS.test(column.type)
export const isTime = (column: Column | undefined) => column !== undefined && TIMES.test(column.type)

export interface Series {
  x: number[]
  /** Whether `x` is in seconds since 1970. */
  time: boolean
  lines: { name: string; y: (number | null)[] }[]
}

/** The first time or number column against all other number columns, in order of x; nothing if there are none. */
export function seriesOf(result: StatementResult): Series | undefined {
  const usable = result.columns.findIndex((column) => isTime(column) || isNumber(column))
  const ys = result.columns.map((column, place) => ({ column, place }))
  const lines = ys.filter(({ column, place }) => place !== usable && isNumber(column))
  if (usable < 0 || lines.length === 0) return undefined
  const time = isTime(result.columns[usable])
  const points = result.rows.filter((row) => row[usable] !== null)
  const x = (row: (string | null)[]) => {
    const text = row[usable] ?? ''
    return time ? Date.parse(text.replace(' ', 'T').replace(/(\+00)?$/, 'Z')) / 1000 : Number(text)
  }
  points.sort((a, b) => x(a) - x(b))
  const value = (text: string | null | undefined) => (text == null ? null : Number(text))
  return {
    x: points.map(x),
    time,
    lines: lines.map(({ column, place }) => ({ name: column.name, y: points.map((row) => value(row[place])) })),
  }
}
