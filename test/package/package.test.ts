import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile, makeProject, PROJECTS } from '../types/compile.ts'
import { dynamicSection, dynamicSymbols, glibcVersion } from './elf.ts'
import { installed, NODE_VERSIONS, nodeBinary } from './nodes.ts'
import { run } from './run.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const here = process.platform === 'linux' && process.arch === 'x64'
if (!here) console.warn(`skipped: the package is made on linux-x64, and this is ${process.platform}-${process.arch}`)

let temporary: string
/** An empty project that installed the tarball, scripts disabled. */
let project: string
let packed: string[]
let version: string
const nodes = new Map<string, string>()

const inPackage = (path: string) => join(project, 'node_modules/shared-ws', path)

describe.skipIf(!here)('the package', () => {
  beforeAll(async () => {
    version = (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version
    temporary = await mkdtemp(join(tmpdir(), 'shared-ws-package-'))
    await run('npm', ['pack', '--pack-destination', temporary], { cwd: root, timeoutMs: 240_000 })
    const tarball = join(temporary, `shared-ws-${version}.tgz`)
    packed = (await run('tar', ['-tzf', tarball])).trim().split('\n').sort()

    project = join(temporary, 'project')
    await mkdir(project)
    await cp(join(root, 'test/package/project'), project, { recursive: true })
    await cp(join(root, 'test/fixtures/tls'), join(project, 'tls'), { recursive: true })
    await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true }\n')
    const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund']
    await run('npm', ['install', ...flags, tarball], { cwd: project })
    for (const node of NODE_VERSIONS) nodes.set(node, await nodeBinary(node, join(root, '.cache/nodes')))
  })

  afterAll(async () => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true })
    // npm does not do it when packing fails halfway.
    await run(process.execPath, ['scripts/prebuild.mjs', '--clean'], { cwd: root })
  })

  test('holds what is needed to run, and nothing else', () => {
    const expected = [
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
      /^dist\/.*\.(js|js\.map|d\.ts)$/,
      /^prebuilds\/linux-(x64|arm64)\/shared-ws\.node$/,
      /^docs\/.*\.(md|svg)$/,
    ]
    const names = packed.map((name) => name.replace(/^package\//, ''))
    expect(names.filter((name) => !expected.some((pattern) => pattern.test(name)))).toEqual([])
    expect(names).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cli/main.js',
        'dist/testing/index.js',
        'dist/testing/index.d.ts',
        'prebuilds/linux-x64/shared-ws.node',
      ]),
    )
  })

  test('holds exactly one compiled file per source', async () => {
    const sources = await readdir(join(root, 'src'), { recursive: true })
    const expected = sources.filter((name) => name.endsWith('.ts')).map((name) => `package/dist/${name.slice(0, -3)}`)
    const compiled = packed.filter((name) => name.endsWith('.js')).map((name) => name.slice(0, -3))
    expect(compiled.sort()).toEqual(expected.sort())
  })

  test('its source maps carry their sources', async () => {
    const maps = packed.filter((name) => name.endsWith('.map')).map((name) => name.replace(/^package\//, ''))
    expect(maps.length).toBeGreaterThan(20)
    for (const map of maps) {
      const { sources, sourcesContent } = JSON.parse(await readFile(inPackage(map), 'utf8'))
      expect(sourcesContent, map).toHaveLength(sources.length)
    }
  })

  test('installs without compiling', async () => {
    const { scripts, gypfile } = JSON.parse(await readFile(inPackage('package.json'), 'utf8'))
    expect(gypfile).toBe(false)
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([])
    expect(existsSync(inPackage('build'))).toBe(false)
  })

  test('packing leaves no prebuilt binary behind that would hide a later local build', () => {
    expect(existsSync(join(root, 'prebuilds'))).toBe(false)
  })

  describe.each(NODE_VERSIONS)('on Node %s', (node) => {
    const script = (...args: string[]) => run(nodes.get(node) as string, args, { cwd: project, timeoutMs: 60_000 })

    test.each(['smoke.mjs', 'smoke.cjs'])('connects over TCP and TLS, and exits: %s', async (name) => {
      const { native, tcp, tls } = JSON.parse(await script(name))
      expect(native).toMatchObject({ loaded: true, origin: 'prebuilt', version, tried: [] })
      const events = ['connected', 'héllo', 'disconnected']
      expect(tcp).toEqual({ transport: 'native', events, closeCode: 1000 })
      expect(tls).toEqual({ transport: 'native', events, closeCode: 1000 })
    })

    test('loads in Workers, and survives their termination mid-traffic', async () => {
      expect(JSON.parse(await script('worker.mjs'))).toEqual(['prebuilt', 'prebuilt'])
    })

    test('runs the CLI', async () => {
      expect(await script('node_modules/.bin/shared-ws', '--version')).toContain(version)
    })
  })

  // The development dependency is a later major version; most users have this one.
  describe('its types, in TypeScript 5', () => {
    test.each(Object.keys(PROJECTS))('moduleResolution %s', async (name) => {
      const typescript = await installed('typescript', '5.9.3', join(root, '.cache/typescript'))
      const user = join(temporary, `typescript-${name}`)
      await cp(inPackage('.'), join(user, 'node_modules/shared-ws'), { recursive: true })
      await makeProject(user)
      expect(await compile(typescript, ['-p', join(user, `tsconfig.${name}.json`)])).toBe('')
    })
  })

  test('without the binary the ws transport serves, and nativeInfo() says why', async () => {
    const text = `import { connect, nativeInfo } from 'shared-ws'
      import { createServer } from 'node:http'
      import { echo } from './scenario.cjs'
      console.log(JSON.stringify([nativeInfo(), await echo(connect, createServer(), 'ws', { native: 'prefer' })]))`
    await writeFile(join(project, 'fallback.mjs'), text)
    const output = await run(process.execPath, ['fallback.mjs'], { cwd: project, env: { SHARED_WS_NATIVE: 'off' } })
    const [native, { transport, events }] = JSON.parse(output)
    expect(native).toMatchObject({ loaded: false, origin: 'none' })
    expect(native.reason).toMatch(/SHARED_WS_NATIVE=off/)
    expect(transport).toBe('ws')
    expect(events).toEqual(['connected', 'héllo', 'disconnected'])
  })

  describe('its binaries', () => {
    const binaries = () => {
      const names = packed.filter((name) => name.endsWith('.node')).map((name) => name.replace(/^package\//, ''))
      expect(names).not.toEqual([])
      return names
    }

    test('need no C++ runtime and no glibc newer than 2.28', async () => {
      for (const binary of binaries()) {
        const { needed, bindsNow } = await dynamicSection(inPackage(binary))
        expect(
          needed.filter((name) => !/^(libc|libm|libdl|libpthread)\.so|^ld-linux-/.test(name)),
          binary,
        ).toEqual([])
        expect(bindsNow, `${binary} must bind every symbol when it is loaded (-z now)`).toBe(true)
        const tooNew = (await dynamicSymbols(inPackage(binary))).filter(({ version: of }) => {
          const [major, minor] = glibcVersion(of) ?? [2, 0]
          return of !== '' && (!of.startsWith('GLIBC_') || major > 2 || minor > 28)
        })
        // Usual suspects: std::shared_ptr (2.32), pthread_* (2.34), and anything of libstdc++ that can throw (2.35),
        // which native/binding/runtime.cc has to define.
        expect(tooNew, binary).toEqual([])
      }
    })

    test('export nothing but the entry points of Node-API', async () => {
      for (const binary of binaries()) {
        const exported = (await dynamicSymbols(inPackage(binary))).filter(({ defined }) => defined)
        const names = exported.map(({ name }) => name).filter((name) => !/^\./.test(name))
        expect(names.sort(), binary).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
      }
    })

    test.each(NODE_VERSIONS)('find every symbol in libc or in Node %s', async (node) => {
      const exported = new Set<string>()
      for (const { name, defined } of await dynamicSymbols(nodes.get(node) as string)) if (defined) exported.add(name)
      for (const binary of binaries()) {
        const missing = (await dynamicSymbols(inPackage(binary))).filter(
          ({ name, version: of, defined, weak }) => !defined && !weak && of === '' && !exported.has(name),
        )
        expect(
          missing.map(({ name }) => name),
          binary,
        ).toEqual([])
      }
    })
  })
})
