//! Which mail server and which recipients are taken, by whom, and what the journal says of it.

use domain::Role;

use super::*;
use crate::operator::office::office;
use crate::operator::shapes::strict::check;

fn server(change: impl FnOnce(&mut NewMailServer)) -> NewMailServer {
    let mut new = NewMailServer {
        host: "smtp.example.org".into(),
        port: None,
        security: None,
        from: "habeas@example.org".into(),
        username: Some("habeas".into()),
        password: Some(Secret::new("hush".into())),
        ca: None,
    };
    change(&mut new);
    new
}

fn recipient(address: &str, kinds: &[NoticeKind]) -> NewRecipient {
    let kinds = (!kinds.is_empty()).then(|| kinds.iter().copied().collect());
    NewRecipient { address: address.into(), kinds, reach: None }
}

fn code<T: std::fmt::Debug>(result: Result<T, OperatorError>) -> String {
    result.unwrap_err().code().to_owned()
}

#[tokio::test]
async fn a_mail_server_is_kept_with_its_password_which_is_never_told() {
    let office = office().await;
    let desk = office.desk();
    let set = set_server(&desk, server(|_| {})).await.unwrap();
    assert_eq!((set.port, set.security), (587, MailSecurity::Starttls));
    put(&desk, "ann", &recipient("ann@example.org", &[])).await.unwrap();
    let shown = view(&desk).await.unwrap();
    assert_eq!(shown.server, Some(set));
    check(&shown);
    assert!(!format!("{shown:?}{}", serde_json::json!(shown)).contains("hush"));
    let account = Account::of(desk.store).await.unwrap().unwrap();
    assert_eq!(account.password.as_ref().unwrap().expose(), "hush");
    assert!(!format!("{account:?}").contains("hush"));
    let journal = office.journal(Event::SettingChanged).await.concat();
    assert!(journal.contains("mail_server") && !journal.contains("hush"), "{journal}");
    assert_eq!(unset_server(&desk).await.unwrap().server, None);
}

#[tokio::test]
async fn port_and_security_follow_each_other() {
    let office = office().await;
    let desk = office.desk();
    let by_port = set_server(&desk, server(|new| new.port = Some(465))).await.unwrap();
    assert_eq!(by_port.security, MailSecurity::Tls);
    let by_word = server(|new| new.security = Some(MailSecurity::Tls));
    assert_eq!(set_server(&desk, by_word).await.unwrap().port, 465);
}

#[tokio::test]
async fn a_mail_server_that_can_not_be_used_or_would_betray_its_password_is_refused() {
    let office = office().await;
    let desk = office.desk();
    let plain = Some(MailSecurity::Unencrypted);
    for bad in [
        server(|new| new.host = "https://smtp.example.org".into()),
        server(|new| new.host = String::new()),
        server(|new| new.port = Some(0)),
        server(|new| new.from = "habeas".into()),
        server(|new| new.from = "habeas@example.org\r\nBcc: x@example.org".into()),
        server(|new| new.password = None),
        server(|new| new.username = None),
        server(|new| new.security = plain),
        server(|new| new.ca = Some("none".into())),
    ] {
        assert_eq!(code(set_server(&desk, bad).await), "E-MAIL-001");
    }
    let here = server(|new| (new.host, new.security) = ("localhost".into(), plain));
    assert!(set_server(&desk, here).await.is_ok());
}

#[tokio::test]
async fn a_recipient_is_added_changed_and_removed_under_its_name() {
    let office = office().await;
    let desk = office.desk();
    let all = put(&desk, "ann", &recipient("ann@example.org", &[])).await.unwrap();
    assert_eq!(all.kinds, NoticeKind::ALL);
    let one = recipient("ann@example.com", &[NoticeKind::JobOverdue]);
    let changed = put(&desk, "ann", &one).await.unwrap();
    assert_eq!((changed.id, &*changed.address), (all.id, "ann@example.com"));
    assert_eq!(changed.kinds, [NoticeKind::JobOverdue]);
    let journal = office.journal(Event::EndpointSet).await.concat();
    assert!(journal.contains("ann") && !journal.contains("example.com"), "{journal}");
    for (name, address) in [("Ann", "ann@example.org"), ("ann", "ann"), ("ann", "änn@example.org")]
    {
        assert_eq!(code(put(&desk, name, &recipient(address, &[])).await), "E-MAIL-002");
    }
    assert_eq!(remove(&desk, "ann").await.unwrap().id, all.id);
    assert_eq!(code(remove(&desk, "ann").await), "E-ACT-001");
}

#[tokio::test]
async fn nobody_has_somebody_told_more_than_they_may_see() {
    let office = office().await;
    let shop = Reach::Brands(BTreeSet::from(["shop".to_owned()]));
    let bound = Desk { reach: shop.clone(), ..office.desk() };
    let mut beyond = recipient("ann@example.org", &[]);
    let within = put(&bound, "ann", &beyond).await.unwrap();
    assert_eq!(within.reach, shop);
    beyond.reach = Some(Reach::All);
    assert_eq!(code(put(&bound, "ann", &beyond).await), "E-WEB-004");
    let roles = BTreeSet::from([Role::ConnectionsManager]);
    let manager = Desk { roles, ..office.desk() };
    let of_requests = recipient("bob@example.org", &[NoticeKind::RequestOverdue]);
    assert_eq!(code(put(&manager, "bob", &of_requests).await), "E-WEB-006");
    let of_connections = recipient("bob@example.org", &[NoticeKind::ConnectionBroken]);
    assert!(put(&manager, "bob", &of_connections).await.is_ok());
}

#[tokio::test]
async fn a_recipient_that_was_disabled_is_told_again_once_somebody_says_so() {
    let office = office().await;
    let desk = office.desk();
    let ann = recipient("ann@example.org", &[]);
    put(&desk, "ann", &ann).await.unwrap();
    let mut endpoint = endpoints::find(&desk, Channel::Mail, "ann").await.unwrap().endpoint;
    let why = "put back from a backup".to_owned();
    endpoint.disabled = Some(Disabled { why, by_person: true, since: desk.now });
    let entry = about(&desk, Event::EndpointDisabled, &endpoint);
    desk.store.set_endpoint(None, &endpoint, None, &entry).await.unwrap();
    assert!(view(&desk).await.unwrap().recipients[0].disabled.is_some());
    assert_eq!(put(&desk, "ann", &ann).await.unwrap().disabled, None);
    assert_eq!(office.journal(Event::EndpointEnabled).await.len(), 1);
}
