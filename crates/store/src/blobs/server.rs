//! A real server of S3 on loopback, over a folder, that can be told to fail.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{Body, HttpResponse};
use tokio::net::TcpListener;

use crate::{Bodies, Secret};

/// What the server does in place of the next calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Answers with a status and a text.
    Says(u16, &'static str),
    /// Sends so many bytes of a body, and closes the connection.
    CutsAt(usize),
}

/// The server and its folder.
pub(crate) struct Server {
    root: tempfile::TempDir,
    endpoint: String,
    /// The faults to come: which calls, how many of them.
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves an empty bucket `bodies` on a free port.
    pub(crate) async fn start() -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("bodies")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("tester", "a-secret-of-tests"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let faults = Arc::new(Mutex::new(Vec::<(&'static str, Fault)>::new()));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (to_come, noted) = (Arc::clone(&faults), Arc::clone(&calls));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, to_come, noted) =
                    (service.clone(), Arc::clone(&to_come), Arc::clone(&noted));
                let answer = move |request: hyper::Request<hyper::body::Incoming>| {
                    let (service, to_come, noted) =
                        (service.clone(), Arc::clone(&to_come), Arc::clone(&noted));
                    async move {
                        let method = request.method().to_string();
                        let query = request.uri().query().unwrap_or_default().to_owned();
                        noted.lock().unwrap().push(format!("{method} {query}"));
                        let fault = {
                            let mut faults = to_come.lock().unwrap();
                            let at = faults.iter().position(|(of, _)| *of == method);
                            at.map(|at| faults.remove(at).1)
                        };
                        if let Some(Fault::Says(status, text)) = fault {
                            let mut answer = HttpResponse::new(Body::from(text.to_owned()));
                            *answer.status_mut() = status.try_into().unwrap();
                            return Ok::<_, Infallible>(answer);
                        }
                        let call = hyper::service::Service::call(&service, request);
                        let mut answer = call.await.unwrap();
                        if let Some(Fault::CutsAt(length)) = fault {
                            answer = answer.map(|body| Body::http_body(Cut { body, length }));
                        }
                        Ok(answer)
                    }
                };
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(answer);
                    let server = hyper::server::conn::http1::Builder::new();
                    // A client that leaves is none of its business.
                    let _ended = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { root, endpoint, faults, calls }
    }

    /// How to reach a bucket of it.
    pub(crate) fn bodies(&self, url: &str, secret: &str) -> Bodies {
        let access = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "tester"),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        let secret = |(name, value): (&str, &str)| (name.to_owned(), Secret::new(value.to_owned()));
        Bodies { url: url.to_owned(), access: access.map(secret).to_vec() }
    }

    /// How to reach its bucket, under a prefix.
    pub(crate) fn bucket(&self) -> Bodies {
        self.bodies("s3://bodies/habeas", "a-secret-of-tests")
    }

    /// Fails the next calls with this method, as often.
    pub(crate) fn fail(&self, method: &'static str, fault: Fault, times: usize) {
        self.faults.lock().unwrap().extend(std::iter::repeat_n((method, fault), times));
    }

    /// The calls so far: method and query.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// How many bodies it keeps.
    pub(crate) fn n_bodies(&self) -> usize {
        let Ok(folders) = self.root.path().join("bodies/habeas").read_dir() else { return 0 };
        let files = folders.filter_map(|folder| folder.unwrap().path().read_dir().ok());
        files.map(Iterator::count).sum()
    }

    /// The file in which the server keeps an object.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        let (_, spread) = id.split_at(id.len() - 2);
        self.root.path().join("bodies/habeas").join(spread).join(id)
    }
}

/// A body that ends with an error, which closes the connection.
struct Cut {
    body: Body,
    length: usize,
}

impl hyper::body::Body for Cut {
    type Data = bytes::Bytes;
    type Error = s3s::StdError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        use std::task::Poll;
        if self.length == 0 {
            return Poll::Ready(Some(Err("the connection is cut".into())));
        }
        match std::pin::Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let mut data = frame.into_data().unwrap_or_default();
                data.truncate(self.length);
                self.length -= data.len();
                Poll::Ready(Some(Ok(hyper::body::Frame::data(data))))
            }
            other => other,
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
