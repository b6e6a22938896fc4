// The package has no types of its own; this is the part of it that is used.
declare module 'fs-native-extensions' {
  const extensions: {
    /**
     * Takes an exclusive lock on a whole file, on Linux for the open file description; false if
     * another one has it. Throws an error with the system's code.
     */
    tryLock(fd: number): boolean;
  };
  export default extensions;
}
