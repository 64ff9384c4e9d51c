import { connect, nativeInfo } from 'shared-ws'
import { smoke } from './scenario.cjs'

await smoke(connect, nativeInfo)
