// The whole chain from a button to a chart, in a browser: sign in, send data, create the view, watch the chart grow.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const ROOT = resolve(import.meta.dirname, '../../../..')
const LAB_ROLE = 'arn:aws:iam::0123456789:role/redshift-streaming-role'
const ACCOUNT = '000000000000'
const ROLE = `arn:aws:iam::${ACCOUNT}:role/RedshiftStreamingRole`
const SHOTS = process.env.SCREENSHOTS

const lab = (name) => readFileSync(join(ROOT, 'lab', name), 'utf8')

let server, browser, page, address

before(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tidemill-'))
  const ready = join(dir, 'ready.json')
  const free = ['--aws-addr', '127.0.0.1:0', '--postgres-addr', '127.0.0.1:0', '--console-addr', '127.0.0.1:0']
  const command = ['serve', '--data', join(dir, 'data'), '--ready-file', ready, ...free]
  server = spawn(join(ROOT, 'target/debug/tidemill'), command, { stdio: 'ignore' })
  while (!existsSync(ready)) {
    assert.equal(server.exitCode, null, 'the server ended')
    await new Promise((wake) => setTimeout(wake, 20))
  }
  address = JSON.parse(readFileSync(ready, 'utf8'))
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
  })
  page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage()
})

after(async () => {
  await browser?.close()
  server?.kill()
})

/** Calls an operation as the page does, with its session. */
const aws = (service, operation, input) =>
  page.evaluate(
    async ([path, body]) => {
      const response = await fetch(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(await response.text())
      return response.json()
    },
    [`/api/aws/${service}/${operation}`, input],
  )

async function shoot(name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
}

async function runSql(sql) {
  await page.getByRole('link', { name: 'Query' }).click()
  await page.getByLabel('SQL').fill(sql)
  await page.getByRole('button', { name: 'Run' }).click()
}

test('nobody gets in without the link, and the link works once', async () => {
  const private_ = await fetch(`http://${address.console}/api/account`)
  assert.equal(private_.status, 401)
  const requests = []
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(address.sign_in)
  await page.getByText(`${ACCOUNT} · us-east-1`).waitFor()
  assert.equal((await fetch(address.sign_in, { redirect: 'manual' })).status, 403)
  const outside = requests.filter((url) => !url.startsWith(`http://${address.console}`) && !url.startsWith('data:'))
  assert.deepEqual(outside, [], 'the page asks nobody else')
})

test('a stream is created, the generator sends, the views fill, the chart grows', async () => {
  const policy = lab('policy.json').replaceAll('0123456789', ACCOUNT)
  await aws('iam', 'CreatePolicy', { PolicyName: 'P', PolicyDocument: policy })
  await aws('iam', 'CreateRole', { RoleName: 'RedshiftStreamingRole', AssumeRolePolicyDocument: lab('trust.json') })
  const attach = { RoleName: 'RedshiftStreamingRole', PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/P` }
  await aws('iam', 'AttachRolePolicy', attach)
  await aws('redshift', 'CreateCluster', {
    ClusterIdentifier: 'streaming-cluster',
    NodeType: 'dc2.large',
    MasterUsername: 'awsuser',
    MasterUserPassword: 'Passw0rdOfTheLab',
    IamRoles: [ROLE],
  })

  await page.getByRole('link', { name: 'Streams' }).click()
  await page.getByLabel('New stream').fill('ev_stream_data')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('cell', { name: 'ev_stream_data', exact: true }).waitFor()
  await shoot('streams')

  await page.getByRole('link', { name: 'Generator' }).click()
  await page.getByRole('button', { name: 'Test template' }).click()
  const sample = await page.getByLabel('Test records').locator('pre').first().textContent()
  assert.match(JSON.parse(sample)._id, /^[0-9a-f-]{36}$/)
  await page.getByLabel('Records per second').fill('50')
  await page.getByRole('button', { name: 'Send data' }).click()
  await page.getByText('records sent to ev_stream_data').waitFor()
  await shoot('generator')

  await page.reload()
  await runSql(lab('1-external-schema.sql').replace(LAB_ROLE, ROLE))
  await page.getByText('CREATE SCHEMA').waitFor()
  await runSql(lab('3-extract-view.sql'))
  // Its automatic refresh may have been faster.
  await page.getByText(/was incrementally updated successfully|is already up to date/).waitFor()
  await runSql(lab('4-usage.sql'))
  await page.getByRole('columnheader', { name: /energy_consumed/ }).waitFor()
  await shoot('table')

  await page.getByRole('button', { name: 'Chart' }).click()
  const chart = page.getByTestId('chart')
  await chart.locator('canvas').waitFor()
  const points = async () => Number(await chart.getAttribute('data-points'))
  const first = await points()
  await page.getByLabel('Refresh every').selectOption('1')
  await page.waitForFunction(
    (before) => Number(document.querySelector('[data-testid=chart]').dataset.points) >= before + 3,
    first,
  )
  await shoot('chart')
  await page.setViewportSize({ width: 420, height: 900 })
  await shoot('chart-narrow')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 1280, height: 900 })
  await shoot('chart-dark')

  await page.getByRole('link', { name: 'Generator' }).click()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('(stopped)').waitFor()
  await shoot('generator-dark')
})

test('a mistake in SQL is shown with its SQLSTATE', async () => {
  await runSql('select nothing from svv_mv_info')
  await page.getByRole('alert').getByText('42703').waitFor()
  await shoot('error-dark')
})
