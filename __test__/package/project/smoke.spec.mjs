/** Run by vitest in each of its pools, with its globals. */

/* global test */

import * as store from 'file-process-store';
import { smoke } from './smoke.cjs';

test('the smoke test passes', () => smoke(store));
