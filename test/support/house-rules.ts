import { posix } from 'node:path'

/** A file of the project: path relative to its root, with `/`, and text. */
export interface HouseFile {
  readonly path: string
  readonly text: string
}

const POLICIES = ['ingress', 'requests', 'reconnect', 'health', 'session']
const BELOW_ACTOR = ['errors', 'support', 'plan', 'connect', 'transport', ...POLICIES]

/** Which folders of src/ a folder may import besides itself. `.` is src/index.ts. A new folder gets its row here. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  support: ['errors'],
  native: ['errors', 'support'],
  // What transports are to do with messages, as data, and what it means: below them, because the request carries it.
  plan: ['errors', 'support'],
  connect: ['errors', 'support', 'plan'],
  transport: ['errors', 'support', 'connect', 'plan'],
  // The policies: they never import each other, but for the types of requests that a session's contracts are made of.
  ingress: ['errors', 'support', 'connect', 'transport'],
  requests: ['errors', 'support', 'connect', 'transport'],
  reconnect: ['errors', 'support', 'connect', 'transport'],
  health: ['errors', 'support', 'connect', 'transport'],
  session: ['errors', 'support', 'connect', 'transport', 'requests'],
  actor: [...BELOW_ACTOR],
  front: [...BELOW_ACTOR, 'actor'],
  // The demo is a gateway and the exchange it talks to.
  cli: [...BELOW_ACTOR, 'actor', 'front', 'testing'],
  testing: [...BELOW_ACTOR, 'actor', 'front'],
  '.': [...BELOW_ACTOR, 'actor', 'front'],
}

/** The native transport is the only way from TypeScript to the addon: native.ts, and the parts it is made of. */
const NATIVE_TRANSPORT = /^src\/transport\/native(-[a-z-]+)?\.ts$/

/** Which layers of native/ a layer may include besides itself. */
const MAY_INCLUDE: Readonly<Record<string, readonly string[]>> = {
  core: [],
  io: ['core'],
  binding: ['core', 'io'],
  test: ['core', 'io'],
  // The targets judge with the sinks and checks of the native tests.
  fuzz: ['core', 'io', 'test'],
  bench: ['core', 'io'],
}

/** C headers that core/ may include: it knows no socket, no Node and no thread. */
const CORE_C_HEADERS = ['immintrin.h', 'arm_neon.h', 'zlib.h']
/** All of the addon that knows zlib. */
const ZLIB_FILES = ['native/core/inflate.cc', 'native/core/deflate.cc', 'native/core/zlib_memory.cc']
const NODE_API_HEADERS = /^(node_api|js_native_api|napi|node|v8)[a-z_-]*\.h$/

const MAX_LINES = 400

/** Time and chance come in through support/ alone; the CLI is an application and has its own. */
const AMBIENT =
  /\b(setTimeout|setInterval|Date\.now|new Date\(\)|performance\.now|process\.hrtime|AbortSignal\.timeout|Math\.random)\b/

/** Every broken rule, one sentence each; empty when the house is in order. */
export function brokenRules(files: readonly HouseFile[]): string[] {
  return files.flatMap((file) => {
    const code = withoutComments(file.text)
    return [
      ...(file.path.startsWith('src/') ? [...brokenImports(file.path, code), ...ambientReads(file.path, code)] : []),
      ...(file.path.startsWith('native/') ? brokenIncludes(file.path, file.text) : []),
      ...tooLong(file),
    ]
  })
}

function brokenImports(path: string, code: string): string[] {
  const folder = folderOf(path)
  const allowed = MAY_IMPORT[folder]
  if (allowed === undefined) return [`${path}: src/${folder}/ has no row in MAY_IMPORT; say there what it may import`]
  const broken: string[] = []
  for (const [, specifier] of code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]*)['"]/g)) {
    const target = posix.join(posix.dirname(path), specifier as string)
    const imported = folderOf(target)
    if (imported === folder || allowed.includes(imported)) continue
    if (imported === 'native' && NATIVE_TRANSPORT.test(path)) continue
    const rule =
      imported === 'native'
        ? 'only src/transport/native.ts and its native-*.ts parts may import src/native/'
        : `${folder} may import ${allowed.join(', ') || 'nothing else'}`
    broken.push(`${path} imports ${target}: ${rule}`)
  }
  return broken
}

/** `src/front/x.ts` is in `front`, `src/index.ts` in `.`. */
function folderOf(path: string): string {
  const parts = path.split('/')
  return parts.length > 2 ? (parts[1] as string) : '.'
}

function ambientReads(path: string, code: string): string[] {
  const folder = folderOf(path)
  if (folder === 'support' || folder === 'cli') return []
  return code.split('\n').flatMap((line, index) => {
    const found = line.match(AMBIENT)
    if (found === null) return []
    return [`${path}:${index + 1} uses ${found[0]}: time and chance come in through src/support/ (Clock, Random) alone`]
  })
}

function brokenIncludes(path: string, text: string): string[] {
  const layer = path.split('/')[1] as string
  if (!/\.(cc|h|c)$/.test(path)) return []
  const allowed = MAY_INCLUDE[layer]
  if (allowed === undefined)
    return [`${path}: native/${layer}/ has no row in MAY_INCLUDE; say there what it may include`]
  const broken: string[] = []
  for (const [, bracket, header] of text.matchAll(/^\s*#\s*include\s*([<"])([^>"]+)[>"]/gm)) {
    const name = header as string
    if (bracket === '"') {
      const included = name.includes('/') ? (posix.normalize(posix.join('.', name)).split('/')[0] as string) : layer
      if (included === layer || allowed.includes(included)) continue
      broken.push(`${path} includes "${name}": ${layer} may include ${allowed.join(', ') || 'nothing else'}`)
    } else if (layer === 'core' && name.includes('.') && !CORE_C_HEADERS.includes(name)) {
      broken.push(`${path} includes <${name}>: core is the C++ standard library and ${CORE_C_HEADERS.join(', ')}`)
    } else if (name === 'zlib.h' && ['core', 'io', 'binding'].includes(layer) && !ZLIB_FILES.includes(path)) {
      broken.push(`${path} includes <zlib.h>: only ${ZLIB_FILES.join(', ')} know zlib`)
    } else if (layer !== 'binding' && NODE_API_HEADERS.test(name)) {
      broken.push(`${path} includes <${name}>: only binding knows Node-API`)
    }
  }
  return broken
}

function tooLong({ path, text }: HouseFile): string[] {
  if (text.startsWith('// Generated from ')) return []
  const lines = text.split('\n').length - 1
  return lines > MAX_LINES ? [`${path} has ${lines} lines; split what is past ${MAX_LINES}`] : []
}

/** Comments become spaces; line breaks stay, so that line numbers do. Strings are kept. */
function withoutComments(text: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
  return text.replace(token, (found) => (/^\/[/*]/.test(found) ? found.replace(/[^\n]/g, ' ') : found))
}
