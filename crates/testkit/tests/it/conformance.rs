//! Segment joins the suite that every connector joins.

testkit::conformance!(testkit::segment::SEGMENT);
