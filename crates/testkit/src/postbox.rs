//! A mail server on a real socket for what no real one would do: it hangs, babbles and breaks off as it
//! is told. A real one is tried by `cargo xtask test mail`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::operator::mail::NewMailServer;
use engine::telling::MailSecurity;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a postbox does in one conversation.
#[derive(Debug, Clone, Copy)]
pub enum Conduct {
    /// Answers the command that begins so with this line; `""` is the greeting.
    Says(&'static str, &'static str),
    /// Hears the command that begins so and never answers.
    HangsAt(&'static str),
    /// Hears the command that begins so and closes the connection.
    BreaksOffAt(&'static str),
}

#[derive(Default)]
struct Shared {
    script: VecDeque<Conduct>,
    letters: Vec<String>,
    n_conversations: usize,
}

/// A postbox. It follows its script, and after that takes every letter.
pub struct Postbox {
    port: u16,
    shared: Arc<Mutex<Shared>>,
    came: Arc<Notify>,
}

impl Postbox {
    /// A postbox at a free port, with this script.
    pub async fn start(script: impl IntoIterator<Item = Conduct>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let script = script.into_iter().collect();
        let shared = Arc::new(Mutex::new(Shared { script, ..Shared::default() }));
        let came = Arc::new(Notify::new());
        let postbox = Self { port, shared: Arc::clone(&shared), came: Arc::clone(&came) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&shared), Arc::clone(&came)));
            }
        });
        Ok(postbox)
    }

    /// How it is entered as the mail server.
    pub fn server(&self) -> NewMailServer {
        NewMailServer {
            host: "127.0.0.1".to_owned(),
            port: Some(self.port),
            security: Some(MailSecurity::Unencrypted),
            from: "habeas@example.org".to_owned(),
            username: None,
            password: None,
            ca: None,
        }
    }

    /// The letters that it got by now, each as it came.
    pub fn letters(&self) -> Vec<String> {
        look(&self.shared).letters.clone()
    }

    /// How often somebody began to talk to it.
    pub fn n_conversations(&self) -> usize {
        look(&self.shared).n_conversations
    }

    /// Waits until somebody has begun to talk to it so often.
    pub async fn until_called(&self, n: usize) {
        loop {
            let came = self.came.notified();
            if self.n_conversations() >= n {
                return;
            }
            came.await;
        }
    }
}

/// The header of a letter.
pub fn header<'a>(letter: &'a str, name: &str) -> &'a str {
    let head = letter.split("\r\n\r\n").next().unwrap_or_default();
    let line = head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default()
}

fn look(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One conversation, until either side ends it.
async fn converse(stream: TcpStream, shared: Arc<Mutex<Shared>>, came: Arc<Notify>) {
    let conduct = {
        let mut shared = look(&shared);
        shared.n_conversations += 1;
        shared.script.pop_front()
    };
    came.notify_waiters();
    let mut stream = BufReader::new(stream);
    let (mut command, mut letter, mut is_letter) = (String::new(), String::new(), false);
    loop {
        let usual = match &*command {
            "" => "220 postbox.example",
            text if text.starts_with("DATA") => "354 Go on",
            text if text.starts_with("QUIT") => "221 Bye",
            _ => "250 OK",
        };
        let answer = match conduct {
            Some(Conduct::Says(at, line)) if fits(&command, at) => line,
            Some(Conduct::HangsAt(at)) if fits(&command, at) => {
                return std::future::pending().await;
            }
            Some(Conduct::BreaksOffAt(at)) if fits(&command, at) => return,
            _ => usual,
        };
        if !is_letter && stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
        is_letter |= answer.starts_with("354");
        command.clear();
        match stream.read_line(&mut command).await {
            Ok(n_read) if n_read > 0 => {}
            _ => return,
        }
        if is_letter && command == ".\r\n" {
            look(&shared).letters.push(std::mem::take(&mut letter));
            is_letter = false;
        } else if is_letter {
            letter.push_str(&command);
        }
    }
}

/// Whether a command begins so. Nothing begins like the greeting, which comes before all of them.
fn fits(command: &str, at: &str) -> bool {
    if at.is_empty() { command.is_empty() } else { command.starts_with(at) }
}
