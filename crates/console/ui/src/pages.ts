// The pages, in the order of the navigation. A new page is a component and a line here.

import type { Component } from 'svelte'
import QueryPage from './query/QueryPage.svelte'
import StreamsPage from './streams/StreamsPage.svelte'
import GeneratorPage from './generator/GeneratorPage.svelte'

export interface Page {
  path: string
  title: string
  component: Component
}

export const pages: Page[] = [
  { path: '/', title: 'Query', component: QueryPage },
  { path: '/streams', title: 'Streams', component: StreamsPage },
  { path: '/generator', title: 'Generator', component: GeneratorPage },
]
