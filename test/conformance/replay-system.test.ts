import { replayFile } from './check.ts';

replayFile('system');
