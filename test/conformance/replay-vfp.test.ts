import { replayFile } from './check.ts';

replayFile('vfp');
