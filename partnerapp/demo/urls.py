from django.urls import path

from partnerapp.demo import bar, mails

urlpatterns = [
    path("clock/", bar.move_clock, name="demo_clock"),
    path("mailbox/", mails.mailbox, name="demo_mailbox"),
    path("mailbox.json", mails.mailbox_json, name="demo_mailbox_json"),
    path("mailbox/<str:name>/", mails.show, name="demo_mail"),
    path("mailbox/<str:name>/html/", mails.html, name="demo_mail_html"),
]
