/** What backups are on disk: for those who make them, restore them and check them. */
export {
  BackupError,
  backupAt,
  backupsIn,
  createManifest,
  isBackup,
  isBackupPath,
  type ManifestFile,
  manifestName,
  partialEnding,
  readManifest,
} from './backup-folder.js';
export {
  createFileWriter,
  type FileWriter,
  type Restored,
  type RestoreOptions,
  restoreBackup,
} from './restore.js';
