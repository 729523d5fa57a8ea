"""The start page, which is a list; and the operator's preferences."""

from django.forms.models import model_to_dict
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from partnerapp import drawers
from partnerapp.access import OperatorRequest, may, page
from partnerapp.forms import Preferences
from partnerapp.models import Operator


@require_safe
@page("home")
def home(request: OperatorRequest) -> HttpResponse:
    """To the list that an operator works in."""
    return redirect("partners" if may(request.user, "see_partners") else "customers")


@require_http_methods(["GET", "HEAD", "POST"])
@page("home")
def preferences(request: OperatorRequest) -> HttpResponse:
    """Theme and time zone of the operator. The profile menu posts the theme alone."""
    operator = request.user
    form = Preferences({**model_to_dict(operator, ["theme", "time_zone", "shortcuts"]), **request.POST.dict()})
    if request.method != "POST" or not form.is_valid():
        context = {"form": form, "next": drawers.safe_next(request)}
        return render(request, "preferences.html", context, status=422 if request.method == "POST" else 200)
    Operator.objects.filter(pk=operator.pk).update(**form.cleaned_data)
    return HttpResponseRedirect(drawers.safe_next(request), status=303)
