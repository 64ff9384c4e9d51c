import { nativeTransport } from '../../src/transport/native.ts'
import { conformanceOf } from './socket-subject.ts'

conformanceOf(nativeTransport)
