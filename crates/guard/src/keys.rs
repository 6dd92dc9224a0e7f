//! The master key: read from a file that only its owner can read, or from the environment; encrypts what is stored.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base::{Error, Result, Secret};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use crate::codes::MASTER_KEY_WRONG;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// Longest key file, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The keys of the encrypted store: the first encrypts, all decrypt, so that a new one can be put before the old.
#[derive(Clone)]
pub struct MasterKey {
    keys: Vec<(String, Key<Aes256Gcm>)>,
    file: Option<PathBuf>,
}

/// What came out of an encryption.
pub(crate) struct Sealed {
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) key_id: String,
}

impl MasterKey {
    /// Reads the key file, or makes it with a new key and mode 0600. Of several processes that start at once, one makes it.
    pub fn from_file_or_create(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let failed = |error: std::io::Error| Error::new(&MASTER_KEY_WRONG).with("place", &place).because(error);
        if !path.try_exists().map_err(failed)? {
            create(path).map_err(failed)?;
        }
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.len() > FILE_BYTES_MAX {
            return Err(Error::new(&MASTER_KEY_WRONG).with("place", &place).with("reason", "the file is too long to be one"));
        }
        refuse_open_file(&metadata, &place)?;
        let text = fs::read_to_string(path).map_err(failed)?;
        let mut key = Self::read(&text, &place)?;
        key.file = path.canonicalize().ok();
        Ok(key)
    }

    /// Reads keys from the text of an environment variable: 32 bytes each, as 64 hexadecimal digits or base64, the current one
    /// first, with spaces or line ends between.
    pub fn from_env_text(text: &str) -> Result<Self> {
        Self::read(text, "of the environment")
    }

    fn read(text: &str, place: &str) -> Result<Self> {
        let wrong = |reason: &str| Error::new(&MASTER_KEY_WRONG).with("place", place).with("reason", reason);
        let mut keys = Vec::new();
        for word in text.split_whitespace() {
            let bytes = decode(word).ok_or_else(|| wrong("a key is 32 bytes as 64 hexadecimal digits or in base64"))?;
            keys.push((key_id(&bytes), Key::<Aes256Gcm>::from(bytes)));
        }
        if keys.is_empty() {
            return Err(wrong("it is empty"));
        }
        Ok(Self { keys, file: None })
    }

    /// The file it came from, which no secret reference may read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Encrypts a secret under its name: the same bytes under another name do not decrypt.
    pub(crate) fn seal(&self, name: &str, secret: &Secret) -> Result<Sealed> {
        let (key_id, key) = &self.keys[0];
        let mut nonce = [0; NONCE_BYTES];
        let failed = || Error::new(&MASTER_KEY_WRONG).with("place", "").with("reason", "encryption failed");
        OsRng.try_fill_bytes(&mut nonce).map_err(|_| failed())?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &associated(name, key_id) };
        let ciphertext = Aes256Gcm::new(key).encrypt(&Nonce::from(nonce), payload).map_err(|_| failed())?;
        Ok(Sealed { ciphertext, nonce: nonce.to_vec(), key_id: key_id.clone() })
    }

    /// Decrypts what [`seal`](Self::seal) made; the reason of a failure never holds a part of it.
    pub(crate) fn open(&self, name: &str, sealed: &Sealed) -> std::result::Result<Secret, String> {
        let Some((key_id, key)) = self.keys.iter().find(|(id, _)| *id == sealed.key_id) else {
            return Err(format!("it was encrypted with key {}, which this process does not have", sealed.key_id));
        };
        let nonce: [u8; NONCE_BYTES] = sealed.nonce.as_slice().try_into().map_err(|_| "its stored form is damaged".to_owned())?;
        let payload = Payload { msg: &sealed.ciphertext, aad: &associated(name, key_id) };
        let plain = Aes256Gcm::new(key)
            .decrypt(&Nonce::from(nonce), payload)
            .map_err(|_| "its stored form is damaged or was moved from another name".to_owned())?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| "it is not text".to_owned())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

/// Name and key id, parted so that no two pairs are the same bytes.
fn associated(name: &str, key_id: &str) -> Vec<u8> {
    format!("dataux secret\0{key_id}\0{name}").into_bytes()
}

/// Tells keys apart without saying anything of them.
fn key_id(key: &[u8; KEY_BYTES]) -> String {
    let digest = Sha256::new().chain_update(b"dataux master key id\0").chain_update(key).finalize();
    hex::encode(&digest[..8])
}

fn decode(word: &str) -> Option<[u8; KEY_BYTES]> {
    let bytes = hex::decode(word).ok().filter(|bytes| bytes.len() == KEY_BYTES).or_else(|| {
        [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].into_iter().find_map(|base64| base64.decode(word).ok())
    })?;
    bytes.try_into().ok()
}

/// Writes a new key beside the place and links it there, so that nobody ever reads half a key.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut key = [0; KEY_BYTES];
    OsRng.try_fill_bytes(&mut key).map_err(std::io::Error::other)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", base::ids::fresh()));
    let draft = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = file.write_all(format!("{}\n", hex::encode(key)).as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

#[cfg(unix)]
fn refuse_open_file(metadata: &fs::Metadata, place: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    // A key mounted from a Kubernetes secret is readable by the pod's group; one that the world can read is no key.
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err(Error::new(&MASTER_KEY_WRONG)
            .with("place", place)
            .with("reason", "every user of this machine may read or change the file")
            .hint(format!("chmod 600 {place}")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_open_file(_metadata: &fs::Metadata, _place: &str) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/master.key");
        let first = MasterKey::from_file_or_create(&path).expect("made");
        let again = MasterKey::from_file_or_create(&path).expect("read");
        assert_eq!(format!("{first:?}"), format!("{again:?}"));
        assert_eq!(fs::read_dir(path.parent().expect("deep")).expect("listed").count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
            assert!(MasterKey::from_file_or_create(&path).is_err(), "a key that the world can read was taken");
        }
    }

    #[test]
    fn seals_by_name_and_turns_over() {
        let old = MasterKey::from_env_text(&"ab".repeat(32)).expect("hex");
        let sealed = old.seal("crm", &Secret::new("canary")).expect("sealed");
        assert_eq!(old.open("crm", &sealed).expect("opened").expose(), "canary");
        assert!(old.open("crm2", &sealed).is_err(), "moved to another name");
        let mut damaged =
            Sealed { ciphertext: sealed.ciphertext.clone(), nonce: sealed.nonce.clone(), key_id: sealed.key_id.clone() };
        damaged.ciphertext[0] ^= 1;
        assert!(old.open("crm", &damaged).is_err());
        let turned = MasterKey::from_env_text(&format!("{} {}", "cd".repeat(32), "ab".repeat(32))).expect("two");
        assert_eq!(turned.open("crm", &sealed).expect("by the old key").expose(), "canary");
        assert_ne!(turned.seal("crm", &Secret::new("canary")).expect("sealed").key_id, sealed.key_id);
        let other = MasterKey::from_env_text(&STANDARD.encode([7; 32])).expect("base64");
        assert!(other.open("crm", &sealed).expect_err("no key").contains("does not have"));
        for bad in ["", "short", &"ab".repeat(31)] {
            let error = MasterKey::from_env_text(bad).expect_err("no key").to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        assert!(!format!("{old:?}").contains("abab"));
    }
}
