import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/vfio-vm/**', 'test/native/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
