//! Pages as a PDF 1.7 file whose texts can be read back: every glyph says which characters it stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::compressed;
use super::raster::{Dots, Raster};
use crate::page::fonts::{FACES, Face};
use crate::page::{Ink, Item, Page, Path, PathItem, PictureItem, TextItem, Verb};

/// What a file says of itself.
#[derive(Clone, Debug)]
pub struct Info {
    /// The title.
    pub title: String,
    /// Who made it.
    pub author: String,
    /// When: year, month, day.
    pub made_on: jiff::civil::Date,
    /// What made it.
    pub producer: &'static str,
}

/// The characters that codes of one face stand for, numbered in the order of use.
#[derive(Debug, Default)]
struct Codes {
    known: BTreeMap<(u16, [char; 2]), u16>,
    listed: Vec<(u16, [char; 2])>,
}

impl Codes {
    /// Returns the code of a glyph that stands for these characters. The same glyph for others has another code.
    fn code(&mut self, glyph: u16, chars: [char; 2]) -> u16 {
        if self.listed.is_empty() {
            self.listed.push((0, ['\u{fffd}', '\0']));
        }
        let next = u16::try_from(self.listed.len()).unwrap_or(0);
        let code = *self.known.entry((glyph, chars)).or_insert(next);
        if code == next {
            self.listed.push((glyph, chars));
        }
        code
    }
}

struct Writer {
    pdf: Pdf,
    next: i32,
    codes: BTreeMap<Face, Codes>,
    pictures: Vec<(Ref, Arc<Raster>)>,
}

const IDENTITY: SystemInfo<'_> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Returns the pages as a PDF. The same pages give the same bytes.
pub fn pdf(pages: &[Page], info: &Info) -> Vec<u8> {
    let mut writer = Writer { pdf: Pdf::new(), next: 1, codes: BTreeMap::new(), pictures: Vec::new() };
    let (catalog, tree, about) = (writer.id(), writer.id(), writer.id());
    let faces = FACES.map(|face| (face, writer.id()));
    let mut kids = Vec::with_capacity(pages.len());
    for page in pages {
        kids.push(writer.page(page, tree, &faces));
    }
    writer.pdf.catalog(catalog).pages(tree);
    let count = i32::try_from(kids.len()).unwrap_or(i32::MAX);
    writer.pdf.pages(tree).kids(kids).count(count);
    for (face, id) in faces {
        if let Some(codes) = writer.codes.remove(&face) {
            writer.font(face, id, &codes);
        }
    }
    for (id, raster) in std::mem::take(&mut writer.pictures) {
        writer.picture(id, &raster);
    }
    let made = &info.made_on;
    let year = u16::try_from(made.year()).unwrap_or(0);
    let (month, day) = (made.month().unsigned_abs(), made.day().unsigned_abs());
    writer
        .pdf
        .document_info(about)
        .title(TextStr(&info.title))
        .author(TextStr(&info.author))
        .producer(TextStr(info.producer))
        .creation_date(
            pdf_writer::Date::new(year).month(month).day(day).hour(9).minute(0).second(0).utc_offset_hour(0),
        );
    writer.pdf.finish()
}

impl Writer {
    const fn id(&mut self) -> Ref {
        let id = Ref::new(self.next);
        self.next += 1;
        id
    }

    fn page(&mut self, page: &Page, tree: Ref, faces: &[(Face, Ref)]) -> Ref {
        let (id, content_id) = (self.id(), self.id());
        let mut content = Content::new();
        // The page's own measure runs downwards.
        let up = |y: f32| page.height - y;
        let (mut used, mut pictures) = (Vec::new(), Vec::new());
        for item in &page.items {
            match item {
                Item::Path(item) => draw(&mut content, item, up),
                Item::Text(item) => {
                    used.push(item.face);
                    self.write(&mut content, item, up);
                }
                Item::Picture(item) => pictures.push(self.place(&mut content, item, up)),
            }
        }
        self.pdf.stream(content_id, &compressed(&content.finish())).filter(Filter::FlateDecode);
        let mut dict = self.pdf.page(id);
        dict.parent(tree).media_box(Rect::new(0.0, 0.0, page.width, page.height)).contents(content_id);
        let mut resources = dict.resources();
        let mut fonts = resources.fonts();
        for (face, font) in faces.iter().filter(|(face, _)| used.contains(face)) {
            fonts.pair(Name(resource(*face)), *font);
        }
        fonts.finish();
        let mut objects = resources.x_objects();
        for picture in pictures {
            objects.pair(Name(picture_name(picture).as_bytes()), picture);
        }
        id
    }

    /// Writes glyphs: the pen moves by their widths, and is corrected where they stand elsewhere.
    fn write(&mut self, content: &mut Content, item: &TextItem, up: impl Fn(f32) -> f32) {
        let Some(first) = item.glyphs.first() else { return };
        let codes = self.codes.entry(item.face).or_default();
        set_fill(content, item.ink);
        content.begin_text().set_font(Name(resource(item.face)), item.size);
        content.set_text_matrix([1.0, 0.0, 0.0, 1.0, first.x, up(item.y)]);
        let mut pen = first.x;
        let mut shown: Vec<u8> = Vec::with_capacity(item.glyphs.len() * 2);
        let mut operation = content.show_positioned();
        let mut items = operation.items();
        for glyph in &item.glyphs {
            let gap = glyph.x - pen;
            if gap.abs() > item.size * 0.002 {
                items.show(Str(&shown)).adjust(-gap * 1000.0 / item.size);
                shown.clear();
                pen = glyph.x;
            }
            shown.extend_from_slice(&codes.code(glyph.glyph, glyph.chars).to_be_bytes());
            pen += item.face.advance(glyph.glyph) * item.size;
        }
        items.show(Str(&shown));
        items.finish();
        operation.finish();
        content.end_text();
    }

    fn place(&mut self, content: &mut Content, item: &PictureItem, up: impl Fn(f32) -> f32) -> Ref {
        let known = self.pictures.iter().find(|(_, raster)| Arc::ptr_eq(raster, &item.raster));
        let id = match known.map(|(id, _)| *id) {
            Some(id) => id,
            None => {
                let id = self.id();
                self.pictures.push((id, Arc::clone(&item.raster)));
                id
            }
        };
        let [x, y, width, height] = item.place;
        content.save_state().transform([width, 0.0, 0.0, height, x, up(y + height)]);
        content.x_object(Name(picture_name(id).as_bytes())).restore_state();
        id
    }

    fn font(&mut self, face: Face, id: Ref, codes: &Codes) {
        let ids: [Ref; 5] = std::array::from_fn(|_| self.id());
        let [cid, descriptor, file, to_unicode, to_glyph] = ids;
        let name = Name(face.name().as_bytes());
        let mut font = self.pdf.type0_font(id);
        font.base_font(name).encoding_predefined(Name(b"Identity-H")).descendant_font(cid).to_unicode(to_unicode);
        font.finish();
        let mut font = self.pdf.cid_font(cid);
        font.subtype(CidFontType::Type2).base_font(name).system_info(IDENTITY).font_descriptor(descriptor);
        font.default_width(0.0).cid_to_gid_map_stream(to_glyph);
        font.widths().consecutive(0, codes.listed.iter().map(|(glyph, _)| face.advance(*glyph) * 1000.0));
        font.finish();
        let ((ascent, descent), [left, bottom, right, top]) = (face.vertical(), face.bounds());
        let mut about = self.pdf.font_descriptor(descriptor);
        about.name(name).flags(FontFlags::SYMBOLIC).bbox(Rect::new(left, bottom, right, top)).italic_angle(0.0);
        about.ascent(ascent).descent(descent).cap_height(714.0).stem_v(80.0).font_file2(file);
        about.finish();
        let embedded = face.embedded();
        let mut stream = self.pdf.stream(file, &embedded.compressed);
        stream.filter(Filter::FlateDecode);
        stream.pair(Name(b"Length1"), i32::try_from(embedded.length).unwrap_or(0));
        stream.finish();
        let mut glyphs = Vec::with_capacity(codes.listed.len() * 2);
        let mut cmap = UnicodeCmap::<u16>::new(Name(b"Cartulary-Demo"), IDENTITY);
        for (code, (glyph, chars)) in (0_u16..).zip(&codes.listed) {
            glyphs.extend_from_slice(&glyph.to_be_bytes());
            cmap.pair_with_multiple(code, chars.iter().copied().filter(|character| *character != '\0'));
        }
        self.pdf.stream(to_glyph, &compressed(&glyphs)).filter(Filter::FlateDecode);
        let cmap = cmap.finish();
        self.pdf.stream(to_unicode, &compressed(cmap.as_slice())).filter(Filter::FlateDecode);
    }

    fn picture(&mut self, id: Ref, raster: &Raster) {
        let data = compressed(&raster.bytes);
        let mut image = self.pdf.image_xobject(id, &data);
        let side = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        image.filter(Filter::FlateDecode);
        image.width(side(raster.width)).height(side(raster.height));
        match raster.dots {
            Dots::Bilevel => image.bits_per_component(1).color_space().device_gray(),
            Dots::Grey => image.bits_per_component(8).color_space().device_gray(),
            Dots::Colour => image.bits_per_component(8).color_space().device_rgb(),
        }
    }
}

const fn resource(face: Face) -> &'static [u8] {
    match face {
        Face::Sans => b"F1",
        Face::SansBold => b"F2",
        Face::Naskh => b"F3",
        Face::NaskhBold => b"F4",
    }
}

fn picture_name(id: Ref) -> String {
    format!("P{}", id.get())
}

fn set_fill(content: &mut Content, Ink(red, green, blue): Ink) {
    let [red, green, blue] = [red, green, blue].map(|part| f32::from(part) / 255.0);
    content.set_fill_rgb(red, green, blue);
}

fn draw(content: &mut Content, item: &PathItem, up: impl Fn(f32) -> f32) {
    if let Some(ink) = item.fill {
        set_fill(content, ink);
    }
    if let Some(stroke) = item.stroke {
        let Ink(red, green, blue) = stroke.ink;
        let [red, green, blue] = [red, green, blue].map(|part| f32::from(part) / 255.0);
        content.set_stroke_rgb(red, green, blue).set_line_width(stroke.width);
        let dashes: &[f32] = if stroke.dash > 0.0 { &[stroke.dash, stroke.dash] } else { &[] };
        content.set_dash_pattern(dashes.iter().copied(), 0.0);
    }
    trace(content, &item.path, up);
    match (item.fill, item.stroke) {
        (Some(_), Some(_)) => content.fill_nonzero_and_stroke(),
        (Some(_), None) => content.fill_nonzero(),
        (None, Some(_)) => content.stroke(),
        (None, None) => content.end_path(),
    };
}

fn trace(content: &mut Content, path: &Path, up: impl Fn(f32) -> f32) {
    for verb in &path.verbs {
        match *verb {
            Verb::Move(x, y) => content.move_to(x, up(y)),
            Verb::Line(x, y) => content.line_to(x, up(y)),
            Verb::Cubic([a, b, c, d, e, f]) => content.cubic_to(a, up(b), c, up(d), e, up(f)),
            Verb::Close => content.close_path(),
        };
    }
}
